"""What has been delivered, and which of it a batch takes.

A delivery is an object landing/<source>/<entity>/<YYYY-MM-DD>/<name>. A batch takes what lies in folders up to its day
and no other batch has taken: the outcome rows in lake.ops say who took what, by the hash of the bytes. The same bytes
are one delivery, whatever their names.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import BinaryIO

from tieout import connections
from tieout.batch import Batch
from tieout.controls import ops
from tieout.controls.literals import literal
from tieout.errors import ExtractionError
from tieout.extract.readers import format_of
from tieout.sources import Source

MANIFEST_SUFFIX = ".manifest.json"
_HASH_BYTES = 4 * 1024 * 1024
# S3 gives the time of a change to the second, and its clock is not ours.
_CLOCK_MARGIN = timedelta(seconds=5)


@dataclass(frozen=True)
class Delivery:
    """One object of the landing bucket. problem: why it cannot be a delivery of any table, None when it can."""

    file: str
    entity: str
    bytes: int
    etag: str
    changed_at: datetime
    problem: str | None = None

    @property
    def is_manifest(self) -> bool:
        """Whether it says what the folder holds, and holds no rows itself: see manifests.py."""
        return self.problem is None and self.file.lower().endswith(MANIFEST_SUFFIX)

    def open(self) -> BinaryIO:
        return connections.s3_filesystem().open_input_file(f"{connections.LANDING_BUCKET}/{self.file}")

    def sha256(self) -> str:
        """The hash of its bytes, read in bounded memory."""
        digest = hashlib.sha256()
        with self.open() as file:
            while data := file.read(_HASH_BYTES):
                digest.update(data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Taken:
    """A file of which another batch has an outcome: loaded, or skipped for a reason that still holds."""

    file: str
    entity: str
    loaded: bool
    sha256: str | None
    bytes: int
    batch: date
    recorded_at: datetime


@dataclass(frozen=True)
class Chosen:
    """One delivery and what becomes of it: read when skip is None, else skipped for that reason."""

    delivery: Delivery
    sha256: str | None
    skip: str | None = None


def list_deliveries(source: Source, batch: Batch) -> dict[str, list[Delivery]]:
    """{entity: deliveries in the order of their names} of all folders up to the batch's day."""
    tables = {table.name for table in source.tables}
    found: dict[str, list[Delivery]] = defaultdict(list)
    for item in landed_objects(f"{source.name}/"):
        parts = item["Key"].split("/")
        day = _day(parts[2]) if len(parts) > 2 else None
        if day and day > batch.day:
            continue
        delivery = Delivery(
            file=item["Key"],
            entity=parts[1],
            bytes=item["Size"],
            etag=item["ETag"],
            changed_at=item["LastModified"],
            problem=_problem(source.name, tables, parts, day),
        )
        found[delivery.entity].append(delivery)
    return dict(found)


def landed_objects(prefix: str) -> Iterator[dict]:
    """Objects of the landing bucket below a prefix, as S3 lists them."""
    pages = connections.s3_client().get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=connections.LANDING_BUCKET, Prefix=prefix):
        # A console makes empty objects for folders.
        yield from (item for item in page.get("Contents", []) if not item["Key"].endswith("/"))


def _problem(source: str, tables: set[str], parts: Sequence[str], day: date | None) -> str | None:
    if parts[1] not in tables:
        return f"config/sources/{source}.yml describes no table {parts[1]}: it has {', '.join(sorted(tables))}"
    if day is None or len(parts) != 4:
        return f"its place is not {source}/{parts[1]}/<YYYY-MM-DD>/<name>: deliver it there"
    if format_of(parts[3]) is None:
        return "its name ends on none of .jsonl .ndjson .json .csv .parquet, with or without .gz: deliver it as one"
    return None


def _day(text: str) -> date | None:
    """The day that a folder's name says; ISO's other spellings (20261120, 2026-W47-5) say none."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None


def taken_by_others(source: Source, batch: Batch) -> list[Taken]:
    """The files that other batches hold or have judged, as each batch's last attempt that wrote says."""
    outcomes = f"{ops.SCHEMA}.table_outcomes"
    rows = connections.query(
        "with attempts as ("
        "  select batch, entity, recorded_at, bool_or(file is null and status = 'failed') as failed"
        f"  from {outcomes} where source = {literal(source.name)} and batch <> {literal(batch.day)} group by 1, 2, 3"
        "), last_attempts as ("
        "  select batch, entity, max(recorded_at) as recorded_at from attempts where not failed group by 1, 2"
        ") "
        "select o.file, o.entity, o.status = 'loaded', o.sha256, o.bytes, o.batch, o.recorded_at "
        f"from {outcomes} o join last_attempts l "
        "on o.batch = l.batch and o.entity = l.entity and o.recorded_at = l.recorded_at "
        f"where o.source = {literal(source.name)} and o.file is not null and o.status <> 'failed'"
    )
    return [Taken(*row) for row in rows]


def last_judged(taken: Sequence[Taken]) -> dict[str, Taken]:
    """{file: its newest outcome}: a file that was replaced after it was taken has one in each batch that took it."""
    return {t.file: t for t in sorted(taken, key=lambda t: t.recorded_at)}


def choose(deliveries: Sequence[Delivery], taken: Sequence[Taken]) -> list[Chosen]:
    """What the batch reads or skips, of one entity's deliveries. What another batch has judged is left out."""
    judged = last_judged(taken)
    elsewhere = {t.sha256: t for t in taken if t.loaded and t.sha256}
    mine: dict[str, str] = {}
    chosen: list[Chosen] = []
    for delivery in deliveries:
        earlier = judged.get(delivery.file)
        if delivery.problem:  # its place or name, whatever its bytes: said once
            if earlier is None:
                chosen.append(Chosen(delivery, None, delivery.problem))
            continue
        if earlier and _is_unchanged(delivery, earlier):
            continue
        sha256 = delivery.sha256()
        if earlier and earlier.sha256 == sha256:
            continue
        skip = None
        if other := elsewhere.get(sha256):
            skip = f"the same bytes as {other.file}, which batch {other.batch} took"
        elif sha256 in mine:
            skip = f"the same bytes as {mine[sha256]}"
        else:
            mine[sha256] = delivery.file
        chosen.append(Chosen(delivery, sha256, skip))
    return chosen


def _is_unchanged(delivery: Delivery, earlier: Taken) -> bool:
    """Whether the object is the one that was judged then, as far as can be told without reading it."""
    was_read = earlier.sha256 is not None
    return was_read and delivery.bytes == earlier.bytes and delivery.changed_at < earlier.recorded_at - _CLOCK_MARGIN


def check_unchanged(deliveries: Sequence[Delivery]) -> None:
    """Raises ExtractionError when an object is no longer the one that was listed."""
    from botocore.exceptions import ClientError

    s3 = connections.s3_client()
    for delivery in deliveries:
        try:
            etag = s3.head_object(Bucket=connections.LANDING_BUCKET, Key=delivery.file)["ETag"]
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            raise ExtractionError(
                f"{delivery.file} was taken away while it was read: nothing was written; run again"
            ) from None
        if etag != delivery.etag:
            raise ExtractionError(f"{delivery.file} was replaced while it was read: nothing was written; run again")
