"""`tieout generate` into a database and a bucket of its own, beside psql's \\copy of the same rows into an empty copy.

python -m benchmarks.generate [rows]. The peer reads ready CSV files and has the same tables, keys and triggers; the
generator makes its rows on the way, and the extracts and the truth with them. The stack is one of the benchmark's own,
in .tieout-bench, and is removed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import boto3
from benchmarks import _memory, _report
from benchmarks._report import Figure
from benchmarks._stack import own_stack
from psycopg import sql

from tieout import connections
from tieout.extract.copy import psql_binary
from tieout.generate import Summary, generate
from tieout.generate.database import identifier
from tieout.generate.life import TABLES
from tieout.generate.target import Target
from tieout.migrations import migrate
from tieout.settings import get_settings

OURS, PEER, BUCKET = "bench_generate", "bench_generate_peer", "bench-generate"


@contextmanager
def database(name: str) -> Iterator[None]:
    identifier = sql.Identifier(name)
    with connections.postgres("postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(identifier))
        admin.execute(sql.SQL("create database {}").format(identifier))
        try:
            with connections.postgres(name) as conn:
                migrate(conn)
            yield
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(identifier))


@contextmanager
def bucket() -> Iterator[object]:
    s = get_settings()
    s3 = boto3.client(
        "s3",
        endpoint_url=s.s3_endpoint,
        region_name=s.s3_region,
        aws_access_key_id=s.reveal("minio_root_user"),
        aws_secret_access_key=s.reveal("minio_root_password"),
    )
    s3.create_bucket(Bucket=BUCKET)
    try:
        yield s3
    finally:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for entry in page.get("Contents", []):
                s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
        s3.delete_bucket(Bucket=BUCKET)


def reload(folder: Path) -> float:
    """Seconds that psql takes to load the generated tables once more from CSV files."""
    with connections.postgres(OURS) as conn:
        for table in TABLES:
            statement = sql.SQL("copy {} to stdout (format csv)").format(identifier(table))
            with (folder / f"{table}.csv").open("wb") as file, conn.cursor().copy(statement) as rows:
                for block in rows:
                    file.write(block)
    script = "begin;\nset local tieout.clock = 'supplied';\n"
    script += "".join(f"\\copy {table} from '{folder}/{table}.csv' csv\n" for table in TABLES) + "commit;\n"
    began = time.perf_counter()
    subprocess.run(
        [psql_binary(), connections.postgres_dsn(PEER), "-q", "-v", "ON_ERROR_STOP=1"],
        input=script.encode(),
        check=True,
    )
    return time.perf_counter() - began


def report(rows: int, summary: Summary, peer: float) -> None:
    stored = summary.inserted.total()
    peak = _memory.peak_mib()
    print(
        f"{rows:,} rows asked for: {stored:,} in the database, {summary.delivered.total():,} in {summary.files} files, "
        f"in {summary.seconds:.1f} s; {summary.rows / summary.seconds:,.0f} rows/s; peak memory {peak} MiB"
    )
    print(f"psql's \\copy of the {stored:,} rows alone: {peer:.1f} s, {stored / peer:,.0f} rows/s")
    ratio = (summary.rows / summary.seconds) / (stored / peer)
    print(f"ratio {ratio:.2f} (above 1: faster than the copy)")
    figures = [
        Figure("rows a second, as a multiple of psql's \\copy of the database's rows", ratio, "×", None, None),
        Figure("rows a second", summary.rows / summary.seconds, "rows/s", None, None),
        Figure("peak memory", peak, "MiB", None, None),
    ]
    _report.record("generate", f"Generator, {rows:,} rows asked for", figures)


def main(rows: int) -> None:
    with ExitStack() as places, tempfile.TemporaryDirectory() as folder:
        places.enter_context(database(OURS))
        places.enter_context(database(PEER))
        s3 = places.enter_context(bucket())
        target = Target(partial(connections.postgres, OURS), s3, BUCKET, Path(folder) / "truth")
        summary = generate(rows, target=target)
        report(rows, summary, reload(Path(folder)))


if __name__ == "__main__":
    with own_stack():
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
