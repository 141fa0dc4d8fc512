"""A Postgres table to Bronze, beside psql's COPY of it to /dev/null, which is the limit, and beside dlt.

python -m benchmarks.extraction [rows]. The table has 8 columns: text key, uuid, numeric(19,4), char(3), text, two
timestamptz, text. All write Parquet into MinIO and commit it: Tieout to an Iceberg table, dlt, with its pyarrow and its
connectorx backend, to its file system destination. Seconds are the median of three runs of each, in turn, from the
first byte asked for to the commit. Memory is the peak of a process that does nothing else, as the system keeps it, and
the most that its children were seen to hold. Tieout extracts a table 20/3 as long, too, for its memory.

dlt runs by `uv run --script` in an environment of its own (benchmarks/peers/dlt_extract.py); without uv it is left out.
The stack is one of the benchmark's own, in .tieout-bench, and is removed.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from benchmarks import _memory, _report
from benchmarks._report import Figure
from benchmarks._stack import own_stack

from tieout import connections
from tieout.settings import PROJECT_ROOT, get_settings

COLUMNS = """
    'txn_' || lpad(i::text, 12, '0') as id,
    gen_random_uuid() as org_id,
    (i::bigint * 7919 % 100000000 / 10000.0)::numeric(19,4) as amount,
    (array['USD', 'EUR', 'JPY'])[1 + i % 3]::char(3) as currency,
    case i % 5 when 0 then 'failed' when 1 then null else 'succeeded' end as status,
    timestamptz '2026-01-01 UTC' + i * interval '1 second' as created_at,
    timestamptz '2026-01-01 UTC' + i * interval '1 second' as updated_at,
    'memo ' || i % 1000 as memo
"""
TABLE = "bench.transactions"
SELECT = f"select * from {TABLE}"
RUNS = 3
PEER = PROJECT_ROOT / "benchmarks" / "peers" / "dlt_extract.py"
PEER_FOLDER = "bench_dlt"
WATCH_SECONDS = 0.2
# Faster than a backend of dlt's by at least so much.
BACKENDS = {"pyarrow": 8, "connectorx": 1.8}
LIMIT_RATIO, LIMIT_MIB = 1.7, 300


def main(rows: int) -> None:
    uv = find_uv()
    seconds: dict[str, list[float]] = defaultdict(list)
    memory: dict[str, int] = defaultdict(int)
    peer: dict[str, object] = {}
    with table(rows):
        for _ in range(RUNS):
            seconds["psql"].append(copy_to_nowhere())
            took, peak = extract_in_own_process()
            seconds["Tieout"].append(took)
            memory["Tieout"] = max(memory["Tieout"], peak)
            for backend in BACKENDS if uv else ():
                peer = extract_with_dlt(uv, backend)
                assert peer["rows"] == rows, f"dlt wrote {peer['rows']} of {rows} rows"
                seconds[backend].append(peer["seconds"])
                memory[backend] = max(memory[backend], peer["peak_mib"])
                print(f"  dlt, {backend}: {peer['seconds']:.2f} s, amounts as {peer['amount']}", file=sys.stderr)
    longer = rows * 20 // 3
    with table(longer):
        _, peak_longer = extract_in_own_process()
    limit, mine = statistics.median(seconds["psql"]), statistics.median(seconds["Tieout"])
    print(f"{rows:,} rows × 8 columns to Parquet in MinIO, committed")
    print(f"  {'psql to /dev/null':<24}{limit:>8.2f} s")
    print(f"  {'Tieout':<24}{mine:>8.2f} s{memory['Tieout']:>8} MiB    {rows / mine:,.0f} rows/s")
    print(f"  {f'Tieout, {longer:,} rows':<24}{'':>10}{peak_longer:>8} MiB")
    figures = [
        at_most("time, as a multiple of psql's COPY to /dev/null", mine / limit, "×", LIMIT_RATIO),
        Figure("rows a second", rows / mine, "rows/s", None, None),
        at_most("peak memory", memory["Tieout"], "MiB", LIMIT_MIB),
        at_most(f"peak memory at {longer:,} rows", peak_longer, "MiB", LIMIT_MIB),
    ]
    for backend, target in BACKENDS.items():
        if not uv:
            print(f"  dlt, {backend:<19}left out: there is no uv to run it with (on the PATH, or as `make` fetches it)")
            continue
        theirs = statistics.median(seconds[backend])
        print(f"  {f'dlt, {backend}':<24}{theirs:>8.2f} s{memory[backend]:>8} MiB    {theirs / mine:.2f} times as long")
        reached = theirs / mine >= target
        figures.append(Figure(f"faster than dlt's {backend} backend", theirs / mine, "×", f"≥ {target} ×", reached))
        figures.append(Figure(f"peak memory of dlt's {backend} backend", memory[backend], "MiB", None, None))
    print(f"  ratio to the limit {mine / limit:.2f}" + (f"; {named(peer['versions'])}" if peer else ""))
    against = f" ({named(peer['versions'])})" if peer else ", dlt left out for want of uv"
    _report.record("extraction", f"Extraction of {rows:,} rows × 8 columns{against}", figures)


def at_most(what: str, value: float, unit: str, target: float) -> Figure:
    return Figure(what, value, unit, f"≤ {target} {unit}", value <= target)


def named(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


@contextmanager
def table(rows: int) -> Iterator[None]:
    with connections.app_db(autocommit=True) as app:
        app.execute("drop schema if exists bench cascade")
        app.execute("create schema bench")
        app.execute(f"create table {TABLE} as select {COLUMNS} from generate_series(1, {rows}) i")
        app.execute(f"vacuum analyze {TABLE}")
    try:
        yield
    finally:
        with connections.app_db(autocommit=True) as app:
            app.execute("drop schema bench cascade")


def copy_to_nowhere() -> float:
    from tieout.extract.copy import psql_binary

    started = time.perf_counter()
    subprocess.run(
        [psql_binary(), connections.postgres_dsn("app"), "-qc", f"copy ({SELECT}) to stdout (format csv)"],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - started


def find_uv() -> str | None:
    """As the Makefile finds it."""
    fetched = PROJECT_ROOT / ".tieout-cache" / "uv" / "bin" / "uv"
    return shutil.which("uv") or (str(fetched) if fetched.exists() else None)


def extract_with_dlt(uv: str, backend: str) -> dict:
    """What dlt_extract.py prints. What it wrote is removed."""
    settings = get_settings()
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")},
        "DSN": connections.postgres_dsn("app", "postgresql+psycopg2"),
        "S3_ENDPOINT": settings.s3_endpoint,
        "S3_REGION": settings.s3_region,
        "S3_KEY": settings.reveal("lake_access_key"),
        "S3_SECRET": settings.reveal("lake_secret_key"),
    }
    bucket_url = f"s3://{connections.LAKE_BUCKET}/{PEER_FOLDER}"
    try:
        said, others = run_watched([uv, "run", "--quiet", "--script", PEER, backend, TABLE, bucket_url], environment)
    finally:
        s3 = connections.s3_client()
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=connections.LAKE_BUCKET, Prefix=f"{PEER_FOLDER}/")
        for page in pages:
            for item in page.get("Contents", []):
                s3.delete_object(Bucket=connections.LAKE_BUCKET, Key=item["Key"])
    result = json.loads(said.splitlines()[-1])
    return result | {"peak_mib": result["peak_mib"] + others}


def run_watched(command: list[str | Path], environment: dict[str, str] | None = None) -> tuple[str, int]:
    """(what it printed, MiB that its processes held at most beside the largest of them). Raises when it fails.

    A child's own record of its peak does not serve: it counts the parent's memory, which it shares until it is itself.
    """
    most = 0
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            held = []
            for one in (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)):
                with suppress(psutil.Error):  # ended since it was listed
                    # uv waits for what it has started and is no part of it.
                    held.append(one.memory_info().rss if one.name() != "uv" else 0)
            most = max(most, sum(held) - max(held, default=0))
            time.sleep(WATCH_SECONDS)
        said = process.stdout.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, [str(part) for part in command])
    return said, most // 2**20


def extract_in_own_process() -> tuple[float, int]:
    """(seconds, peak MiB) of one extraction, timed from the snapshot to the commit."""
    command = [sys.executable, "-m", "benchmarks.extraction", "--child"]
    said, others = run_watched(command)
    seconds, peak = said.split()
    return float(seconds), int(peak) + others


def child() -> None:
    import pyarrow as pa
    from pyiceberg.expressions import AlwaysTrue

    from tieout.bronze.writer import ParquetStream, replace_files
    from tieout.extract.copy import copy
    from tieout.extract.memory import leave_pandas_out
    from tieout.extract.snapshot import exported_snapshot

    leave_pandas_out()
    utc = pa.timestamp("us", tz="UTC")
    types = [pa.string(), pa.string(), pa.decimal128(19, 4), pa.string(), pa.string(), utc, utc, pa.string()]
    names = ["id", "org_id", "amount", "currency", "status", "created_at", "updated_at", "memo"]
    schema = pa.schema(list(zip(names, types, strict=True)))
    catalog = connections.iceberg_catalog()
    table = catalog.create_table_if_not_exists(("scratch", "bench_transactions"), schema=schema)
    started = time.perf_counter()
    with exported_snapshot() as (_, snapshot):
        with ParquetStream(f"{table.location()}/data", schema) as stream:
            for batch in copy(SELECT, schema, snapshot.name):
                stream.write(batch)
        replace_files(table, AlwaysTrue(), stream.written.files)
    seconds = time.perf_counter() - started
    catalog.drop_table(("scratch", "bench_transactions"))
    print(seconds, _memory.peak_mib())


if __name__ == "__main__":
    if sys.argv[1:] == ["--child"]:
        child()
    else:
        with own_stack():
            main(int(sys.argv[1]) if sys.argv[1:] else 1_500_000)
