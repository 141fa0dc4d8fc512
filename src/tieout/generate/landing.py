"""Extracts into the landing bucket: JSON lines for Stripe, CSV with a header for the others, all gzipped."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from tieout.extract.deliveries import MANIFEST_SUFFIX
from tieout.extract.manifests import manifest_text
from tieout.generate.target import Target

SOURCES = ("stripe", "netsuite", "planning", "wealth")
PART_ROWS = 50_000
# Files of this name are the generator's own: only those does it ever replace.
_NAME = "generated"
# Files being packed and sent; more would only hold memory.
_AT_ONCE = 2
_GZIP_LEVEL = 3


class LandingWriter:
    """Collects the rows of each entity and writes them as files of ``PART_ROWS`` under the folder of ``day``.

    The same rows make the same bytes and the same names, so that writing a day again replaces it. Where a folder has
    another sender's manifest, which speaks for the whole folder, these files get one of their own.
    """

    def __init__(self, target: Target, day: date) -> None:
        self._target, self._day = target, day
        self._rows: dict[str, list[pa.Table]] = defaultdict(list)
        self._parts: dict[str, int] = defaultdict(int)
        self._listed: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="generate-landing")
        self._sent: list[Future[None]] = []
        self.files = 0

    def __enter__(self) -> LandingWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                for entity in list(self._rows):
                    self._flush(entity)
                self._settle(0)
                for entity, files in self._listed.items():
                    self._list(entity, files)
        finally:
            self._pool.shutdown(cancel_futures=True)

    def add(self, entity: str, rows: pa.Table) -> None:
        """``entity`` is '<source>/<object>'; Stripe's rows are one column of JSON text."""
        if rows.num_rows:
            self._rows[entity].append(rows)
            if sum(table.num_rows for table in self._rows[entity]) >= PART_ROWS:
                self._flush(entity)

    def _flush(self, entity: str) -> None:
        rows = pa.concat_tables(self._rows.pop(entity))
        for start in range(0, rows.num_rows, PART_ROWS):
            self._parts[entity] += 1
            self._settle(_AT_ONCE)
            part = rows.slice(start, PART_ROWS)
            self._sent.append(self._pool.submit(self._send, entity, self._parts[entity], part))

    def _settle(self, left: int) -> None:
        while len(self._sent) > left:
            self._sent.pop(0).result()

    def _send(self, entity: str, part: int, rows: pa.Table) -> None:
        lines = entity.startswith("stripe/")
        name = f"{_NAME}-{part:04d}.{'jsonl' if lines else 'csv'}.gz"
        # No time in the header: the same rows are the same bytes.
        body = gzip.compress(_jsonl(rows) if lines else _csv(rows), _GZIP_LEVEL, mtime=0)
        self._target.s3.put_object(Bucket=self._target.bucket, Key=f"{entity}/{self._day}/{name}", Body=body)
        self._listed[entity][name] = {"rows": rows.num_rows, "sha256": hashlib.sha256(body).hexdigest()}
        self.files += 1

    def _list(self, entity: str, files: dict[str, dict[str, Any]]) -> None:
        s3, bucket, folder = self._target.s3, self._target.bucket, f"{entity}/{self._day}/"
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
        if any(entry["Key"].endswith(MANIFEST_SUFFIX) for page in pages for entry in page.get("Contents", [])):
            key = f"{folder}{_NAME}-files{MANIFEST_SUFFIX}"
            s3.put_object(Bucket=bucket, Key=key, Body=manifest_text(files).encode())


def remove_generated(target: Target) -> int:
    """Delete every file that a LandingWriter has written; return how many."""
    count = 0
    for keys in _generated(target):
        target.s3.delete_objects(
            Bucket=target.bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
        )
        count += len(keys)
    return count


def _generated(target: Target) -> Iterator[list[str]]:
    for source in SOURCES:
        pages = target.s3.get_paginator("list_objects_v2").paginate(Bucket=target.bucket, Prefix=f"{source}/")
        for page in pages:
            keys = [entry["Key"] for entry in page.get("Contents", [])]
            ours = [key for key in keys if key.rsplit("/", 1)[-1].startswith(f"{_NAME}-")]
            if ours:
                yield ours


def _jsonl(rows: pa.Table) -> bytes:
    lines = rows.column("line").combine_chunks()
    whole = pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines)
    return pc.binary_join(whole, "\n")[0].as_py().encode() + b"\n"


def _csv(rows: pa.Table) -> bytes:
    out = io.BytesIO()
    pa.csv.write_csv(rows, out, pa.csv.WriteOptions(quoting_style="needed"))
    return out.getvalue()
