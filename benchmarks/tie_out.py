"""A tie-out of one table on Postgres and Trino at once, beside the two engines' plain count and sum of it.

python -m benchmarks.tie_out [rows]. Both sides are measured at once, as a run does; each figure is the median of three,
ours and the plain one in turn, after one of each on the Trino that was just started: a run ties out at its end. Then
rows are changed at the source, and the time to find them is taken. The stack is one of the benchmark's own, in
.tieout-bench, and is removed.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks import _report
from benchmarks._stack import own_stack
from benchmarks.extraction import COLUMNS

from tieout import connections
from tieout.batch import Batch
from tieout.controls.drift import differing_rows
from tieout.controls.totals import silver_totals, source_totals
from tieout.sources import ColumnSpec, TableSpec

TARGET_SECONDS = 4
WARM_UPS, RUNS = 1, 3
CHANGED = (0, 10, 1_000)
TYPES = {
    "id": "text",
    "org_id": "uuid",
    "amount": "numeric(19,4)",
    "currency": "char(3)",
    "status": "text",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
    "memo": "text",
}
TABLE = TableSpec(
    source="bench",
    kind="postgres",
    schema="bench",
    name="transactions",
    description="Made for a benchmark.",
    mode="full",
    key=("id",),
    cursor=None,
    currency="currency",
    columns=tuple(
        ColumnSpec(name, type_, name, "A column.", nullable=True, money=name == "amount")
        for name, type_ in TYPES.items()
    ),
)
PLAIN = "select count(*), sum(amount) from {}"


def main(rows: int) -> None:
    with connections.app_db(autocommit=True) as app:
        app.execute("drop schema if exists bench cascade")
        app.execute("create schema bench")
        app.execute(f"create table bench.transactions as select {COLUMNS} from generate_series(1, {rows}) i")
        app.execute("alter table bench.transactions add primary key (id)")
        app.execute("vacuum analyze bench.transactions")
        try:
            into_the_lake()
            figures = measure_totals(rows) + [measure_search(app, rows, changed) for changed in CHANGED]
        finally:
            connections.execute(f"drop table if exists {TABLE.silver}")
            app.execute("drop schema bench cascade")
    for figure in figures:
        print(f"{figure.what}: {figure.value} {figure.unit}" + (f" (target {figure.target})" if figure.target else ""))
    _report.record("tie_out", "Tie-out of a table on both engines", figures)


def into_the_lake() -> None:
    """The same rows as a table of Silver."""
    import pyarrow as pa
    from pyiceberg.expressions import AlwaysTrue

    from tieout.bronze.schema import source_schema
    from tieout.bronze.writer import ParquetStream, replace_files
    from tieout.extract.copy import copy
    from tieout.extract.snapshot import exported_snapshot

    schema = pa.schema([*source_schema(TABLE), pa.field("is_deleted", pa.bool_())])
    name = tuple(TABLE.silver.split(".")[1:])
    catalog = connections.iceberg_catalog()
    if catalog.table_exists(name):
        catalog.drop_table(name)
    table = catalog.create_table(name, schema=schema)
    with exported_snapshot() as (_, snapshot), ParquetStream(f"{table.location()}/data", schema) as stream:
        for batch in copy("select *, false from bench.transactions", schema, snapshot.name):
            stream.write(batch)
    replace_files(table, AlwaysTrue(), stream.written.files)


def measure_totals(rows: int) -> list[_report.Figure]:
    ours, plain = [], []
    for number in range(WARM_UPS + RUNS):
        bare = at_once(plain_source, lambda: connections.query(PLAIN.format(TABLE.silver)))
        mine = at_once(our_source, lambda: silver_totals([TABLE]))
        if number >= WARM_UPS:
            plain.append(bare)
            ours.append(mine)
    mine, bare = statistics.median(ours), statistics.median(plain)
    what = f"of {rows:,} rows × {len(TYPES)} columns, both engines at once"
    return [
        _report.Figure(
            f"count, sum and checksum {what}", round(mine, 2), "s", f"≤ {TARGET_SECONDS} s", mine <= TARGET_SECONDS
        ),
        _report.Figure(f"plain count and sum {what}", round(bare, 2), "s", None, None),
        _report.Figure("ratio of the two", round(mine / bare, 2), "times", None, None),
    ]


def measure_search(app: object, rows: int, changed: int) -> _report.Figure:
    """Time to find so many rows that were changed at the source; they are put back after it."""
    some = f"select 'txn_' || lpad((i::bigint * {rows} / {max(changed, 1)})::text, 12, '0') "
    some += f"from generate_series(1, {changed}) i"
    app.execute(f"update bench.transactions set memo = memo || '!' where id in ({some})")
    app.execute("vacuum bench.transactions")
    started = time.perf_counter()
    found = len(list(differing_rows(app, TABLE, rows)))
    seconds = time.perf_counter() - started
    app.execute(f"update bench.transactions set memo = rtrim(memo, '!') where id in ({some})")
    if found != changed:
        raise SystemExit(f"{found} rows were found to differ, and {changed} were changed")
    return _report.Figure(f"finding {changed:,} differing rows among {rows:,}", round(seconds, 2), "s", None, None)


def plain_source() -> None:
    with connections.app_db() as connection:
        connection.execute(PLAIN.format("bench.transactions")).fetchall()


def our_source() -> None:
    with connections.app_db() as connection:
        source_totals(connection, TABLE, Batch.of("2026-11-20", "benchmark"))


def at_once(one: Callable[[], object], other: Callable[[], object]) -> float:
    """Seconds until both are done."""
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(one), pool.submit(other)]:
            done.result()
    return time.perf_counter() - started


if __name__ == "__main__":
    with own_stack():
        main(int(sys.argv[1]) if sys.argv[1:] else 1_500_000)
