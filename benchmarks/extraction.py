"""A Postgres table to Bronze, beside psql's COPY of the same table to /dev/null, which is the limit.

Run it on a stack that is up: python benchmarks/extraction.py [rows]. Each figure is the median of three runs of either,
in turn; memory is the peak of a process that does nothing but extract.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time

from tieout import connections

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
SELECT = "select * from bench.transactions"


def main(rows: int) -> None:
    with connections.app_db(autocommit=True) as app:
        app.execute("drop schema if exists bench cascade")
        app.execute("create schema bench")
        app.execute(f"create table bench.transactions as select {COLUMNS} from generate_series(1, {rows}) i")
        app.execute("vacuum analyze bench.transactions")
    try:
        limits, ours, memory = [], [], 0
        for _ in range(3):
            limits.append(copy_to_nowhere())
            seconds, peak = extract_in_own_process()
            ours.append(seconds)
            memory = max(memory, peak)
    finally:
        with connections.app_db(autocommit=True) as app:
            app.execute("drop schema bench cascade")
    limit, mine = statistics.median(limits), statistics.median(ours)
    print(
        f"{rows:,} rows × 8 columns: psql to /dev/null {limit:.2f} s; to Parquet in the lake, committed, {mine:.2f} s"
    )
    print(f"ratio {mine / limit:.2f}; {rows / mine:,.0f} rows/s; peak memory {memory} MiB")


def copy_to_nowhere() -> float:
    from tieout.extract.copy import psql_binary

    started = time.perf_counter()
    subprocess.run(
        [psql_binary(), connections.postgres_dsn("app"), "-qc", f"copy ({SELECT}) to stdout (format csv)"],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - started


def extract_in_own_process() -> tuple[float, int]:
    """(seconds, peak MiB) of one extraction, timed from the snapshot to the commit."""
    done = subprocess.run([sys.executable, __file__, "--child"], capture_output=True, text=True, check=True)
    seconds, peak = done.stdout.split()
    return float(seconds), int(peak)


def child() -> None:
    import pyarrow as pa
    from pyiceberg.expressions import AlwaysTrue

    from tieout.bronze.writer import ParquetStream, replace_files
    from tieout.extract.copy import copy
    from tieout.extract.memory import leave_pandas_out
    from tieout.extract.postgres import exported_snapshot

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
    # Linux counts kibibytes, macOS bytes.
    unit = 1024 if sys.platform == "linux" else 1024 * 1024
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit)


if __name__ == "__main__":
    child() if sys.argv[1:] == ["--child"] else main(int(sys.argv[1]) if sys.argv[1:] else 1_500_000)
