"""The reconciliation of Stripe and NetSuite, beside DuckDB that runs the same query on the same files.

python -m benchmarks.reconciliation [rows of each side, 1,500,000 unless given]. Silver is filled with that many card
charges (movement, charge, the app's payment) and NetSuite receipts (header, two lines); one in 200 each is missing in
the ERP, missing in billing, off by a cent, in another currency, late, labelled wrongly and posted twice. Trino writes
dbt's compiled fact_reconciliation to its table; DuckDB, on both cores, runs the same text on copies of Silver's Parquet
files on the local disk and writes Parquet of the same codec. Both results must agree. Median of three runs in turn,
after six that are for compilers, caches and the heap. Trino has 8 GB of heap, DuckDB as much memory as it likes.
Trino's last run is taken apart by EXPLAIN ANALYZE. The stack is one of the benchmark's own, in .tieout-bench, and is
removed.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import _report
from benchmarks._stack import own_stack

from tieout import connections
from tieout.settings import PROJECT_ROOT

DAY = "2026-10-31"
RUNS = 3
WARM_UPS = 6  # until Java's second compiler has little left to do, and the heap has been used once
TARGET = 1.5
MODEL = "fact_reconciliation"
FACT = f"lake.gold_candidate.{MODEL}"
ROWS_PER_STATEMENT = 10_000
ORGANIZATIONS = 8

# A row of `charges` is a charge as both sides should see it; fault says what is wrong with it, from 7 on nothing.
CHARGES = """
with numbers as (
    select high * {low} + low as n, from_big_endian_64(xxhash64(to_big_endian_64(high * {low} + low))) as noise
    from unnest(sequence(0, {rows} / {low} - 1)) as a (high) cross join unnest(sequence(0, {low} - 1)) as b (low)
),
charges as (
    select
        n,
        'ch_3' || to_hex(md5(to_big_endian_64(n))) as charge_id,
        'txn_3' || to_hex(md5(to_big_endian_64(-n - 1))) as balance_transaction_id,
        'org_' || cast(abs(noise) % {organizations} as varchar) as org_id,
        abs(noise) % {organizations} + 1 as subsidiary_id,
        element_at(array['USD', 'EUR', 'GBP'], cast(abs(noise) / 16 % 3 as integer) + 1) as currency,
        abs(noise) / 16 % 3 + 1 as currency_id,
        cast(100 + abs(noise) / 64 % 1000000 as bigint) as minor,
        timestamp '2026-01-01 00:00:00 UTC' + n * interval '17' second as created_at,
        n % 200 as fault
    from numbers
)
"""
LINEAGE = f"date '{DAY}' as _batch, timestamp '2026-11-01 02:00:00 UTC' as _extracted_at"
FILE = "'bench' as _file, n as _line"
MONEY = "cast(cast(minor as decimal(19, 4)) / 100 as decimal(19, 4))"
FILLED = {
    "stg_stripe__balance_transactions": f"""
        select balance_transaction_id, charge_id as source_id, 'charge' as type, 'available' as status, created_at,
            currency, minor as amount_minor, {MONEY} as amount, true as is_currency_known, false as is_deleted,
            {LINEAGE}, {FILE}, date '{DAY}' as _first_batch
        from charges where fault <> 1""",
    "stg_stripe__charges": f"""
        select charge_id, balance_transaction_id, 'succeeded' as status,
            '{{"org_id": "' || if(fault = 5, 'nobody', org_id) || '"}}' as metadata, created_at, currency,
            minor as amount_minor, {MONEY} as amount, true as is_paid, true as is_currency_known,
            false as is_deleted, {LINEAGE}, {FILE}
        from charges where fault <> 1""",
    "stg_app_db__payments": f"""
        select 'pay_' || cast(n as varchar) as payment_id, org_id, charge_id as processor_reference, currency,
            {MONEY} as amount, 'succeeded' as status, false as is_deleted, {LINEAGE}
        from charges""",
    "stg_netsuite__transaction": f"""
        select n * 16 + copy as transaction_id, charge_id as external_id,
            if(fault = 3, currency_id % 3 + 1, currency_id) as currency_id, 'CustPymt' as transaction_type,
            cast(date_trunc('day', created_at) as timestamp(6)) as transaction_date,
            cast(created_at + if(fault = 4, interval '50' hour, interval '40' minute) + copy * interval '20' minute
                as timestamp(6)) as created_at,
            false as is_deleted, {LINEAGE}, {FILE}, date '{DAY}' as _first_batch
        from charges cross join unnest(sequence(0, if(fault = 6, 1, 0))) as copies (copy) where fault <> 0""",
    "stg_netsuite__transactionline": f"""
        select n * 16 + copy as transaction_id, line as line_id, subsidiary_id,
            cast(1 - 2 * line as decimal(5, 0)) * {MONEY} + if(fault = 2, decimal '0.01', decimal '0.00') as amount,
            line = 0 as is_main_line, false as is_deleted, {LINEAGE}, {FILE}
        from charges cross join unnest(sequence(0, if(fault = 6, 1, 0))) as copies (copy)
        cross join unnest(array[0, 1]) as lines (line) where fault <> 0""",
}
LISTS = {
    "stg_netsuite__currency": "select cast(n as bigint) as currency_id, code as currency_code "
    "from (values (1, 'USD'), (2, 'EUR'), (3, 'GBP')) as t (n, code)",
    "stg_app_db__organizations": "select 'org_' || cast(n as varchar) as org_id, 'USD' as base_currency, "
    "n + 1 as netsuite_subsidiary_id, false as is_deleted "
    f"from unnest(sequence(0, {ORGANIZATIONS - 1})) as t (n)",
    "stg_app_db__fx_rates": "select cast(n as varchar) || code || cast(day as varchar) as fx_rate_id, "
    "'org_' || cast(n as varchar) as org_id, code as from_currency, 'USD' as to_currency, 'spot' as rate_type, "
    "day as rate_date, decimal '1.2000000000' as rate, false as is_deleted, "
    "timestamp '2026-11-01 02:00:00 UTC' as updated_at "
    f"from unnest(sequence(0, {ORGANIZATIONS - 1})) as a (n) cross join (values 'EUR', 'GBP') as b (code) "
    "cross join unnest(sequence(date '2026-01-01', date '2026-12-31')) as c (day)",
}

# What Trino has and DuckDB calls or writes otherwise.
DIALECT = """
set TimeZone = 'UTC';
set lambda_syntax = 'ENABLE_SINGLE_ARROW';
create macro "if"(condition, one) as case when condition then one end,
    (condition, one, other) as case when condition then one else other end;
create macro with_timezone(moment, zone) as timezone(zone, moment);
create macro json_extract_scalar(document, path) as json_extract_string(document, path);
create macro to_utf8(text) as text;
create macro xxhash64(bytes) as hash(bytes);
create macro from_big_endian_64(number) as number;
create macro sequence(first, last) as cast(generate_series(first, last, interval 1 day) as date[]);
"""
DUCKDB_TYPES = {"timestamp(6) with time zone": "timestamptz", "timestamp(6)": "timestamp"}
# What both results must agree on.
TOTALS = """
select status, currency, count(*), count(distinct source_id), sum(stripe_amount), sum(netsuite_amount),
    sum(variance_amount), sum(leakage_amount), sum(base_stripe_amount), sum(posting_delay_seconds),
    count_if(is_metadata_mismatch), count_if(is_timing_difference), count(resolved_by_batch), max(status_since)
from {} group by 1, 2 order by 1, 2
"""
# Names of Trino's operators, as EXPLAIN ANALYZE has them.
MOVE = "move rows between threads and stages"
STEPS = {
    "scan": re.compile("Scan"),
    "join": re.compile("Join"),
    "group and number": re.compile("Aggregate|Window|RowNumber|TopN"),
    "write": re.compile("TableWriter"),
    "commit": re.compile("TableCommit|TableFinish|TableExecute"),
    MOVE: re.compile("Exchange|RemoteSource"),
}
OTHERS = "compute columns"
_OPERATOR = re.compile(r"^[ │]*(?:└─|├─)? *([A-Z]\w+)\[")
_CPU = re.compile(r"CPU: ([\d.]+)(ns|us|ms|s|m)\b.*Scheduled.*Output")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True)
class Run:
    """Seconds of one run: on the clock, of all cores together, and of the clock's before the first row moved."""

    wall: float
    cpu: float
    planning: float = 0.0


def main(rows: int) -> None:
    with own_stack(heap="8G"):
        build_silver(rows)
        measure(rows)


def build_silver(rows: int) -> None:
    """Silver as dbt makes it of nothing, then filled."""
    from tests.dbt import PROJECT, build
    from tests.lake import fresh_app_database, fresh_lake

    fresh_app_database()
    fresh_lake()
    build(PROJECT, DAY, "--select", f"+{MODEL}", "--exclude-resource-type", "unit_test", "test")
    charges = CHARGES.format(rows=rows, low=ROWS_PER_STATEMENT, organizations=ORGANIZATIONS)
    for table, select in FILLED.items():
        fill(table, charges + select)
    for table, select in LISTS.items():
        fill(table, select)


def fill(table: str, select: str) -> None:
    """Insert a query's rows; columns that it does not give stay NULL."""
    connection = connections.trino_connection()
    cursor = connection.cursor()
    cursor.execute(f"select * from ({select}) limit 0")
    cursor.fetchall()
    columns = ", ".join(column[0] for column in cursor.description)
    connection.close()
    connections.execute(f"insert into lake.silver.{table} ({columns}) {select}")


def measure(rows: int) -> None:
    text = compiled()
    with tempfile.TemporaryDirectory() as folder:
        peer = DuckDB(Path(folder), text)
        runs: dict[str, list[Run]] = {"Trino": [], "DuckDB": []}
        for number in range(WARM_UPS + RUNS):
            ours, theirs = write_with_trino(text), peer.write()
            if number >= WARM_UPS:
                runs["Trino"].append(ours)
                runs["DuckDB"].append(theirs)
        held = connections.query(TOTALS.format(FACT))
        assert held == peer.totals(), f"Trino and DuckDB disagree:\n{held}\n{peer.totals()}"
    steps = taken_apart(text)
    print(f"{rows:,} + {rows:,} rows, {sum(row[2] for row in held):,} items written; median of {RUNS}")
    for engine, times in runs.items():
        spent = ", ".join(f"{run.wall:.2f}" for run in times)
        print(f"  {engine:<8}{median(times, 'wall'):>8.2f} s, {median(times, 'cpu'):.1f} s of CPU ({spent})")
    ratio = median(runs["Trino"], "wall") / median(runs["DuckDB"], "wall")
    print(f"  ratio {ratio:.2f} (target {TARGET}); {median(runs['Trino'], 'planning'):.2f} s of Trino's are planning")
    print("  Trino's CPU: " + ", ".join(f"{step} {seconds:.2f} s" for step, seconds in steps.most_common()))
    _report.record(
        "reconciliation",
        f"Reconciliation of {rows:,} + {rows:,} rows, written to its table",
        [
            _report.Figure("Trino", round(median(runs["Trino"], "wall"), 2), "s", None, None),
            _report.Figure(
                "DuckDB, same query, files and cores", round(median(runs["DuckDB"], "wall"), 2), "s", None, None
            ),
            _report.Figure("Trino / DuckDB", round(ratio, 2), "x", f"≤ {TARGET}", ratio <= TARGET),
            _report.Figure("Trino's CPU", round(median(runs["Trino"], "cpu"), 1), "s", None, None),
            _report.Figure("DuckDB's CPU", round(median(runs["DuckDB"], "cpu"), 1), "s", None, None),
            _report.Figure("Trino's planning", round(median(runs["Trino"], "planning"), 2), "s", None, None),
            *(
                _report.Figure(f"Trino's CPU: {step}", round(seconds, 2), "s", None, None)
                for step, seconds in steps.most_common()
            ),
        ],
    )


def compiled() -> str:
    """The statement that a first load or a full refresh runs, as dbt compiles it."""
    import json

    from dbt.cli.main import dbtRunner
    from tests.dbt import PROJECT

    options = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--log-level", "none", "--full-refresh"]
    done = dbtRunner().invoke(["compile", *options, "--select", MODEL, "--vars", json.dumps({"as_of": DAY})])
    assert done.success, str(done.exception)
    # its tests are compiled with it
    [code] = [found.node.compiled_code for found in done.result if found.node.name == MODEL]
    return str(code)


def run_in_trino(statement: str) -> tuple[list[Any], dict[str, Any], float]:
    """Rows, statistics and seconds of one statement, with the session that dbt gives its statements."""
    import yaml

    session = yaml.safe_load((PROJECT_ROOT / "dbt" / "profiles.yml").read_text())["tieout"]["outputs"]["lake"]
    cursor = connections.trino_connection().cursor()
    for name, value in session["session_properties"].items():
        cursor.execute(f"set session {name} = {value if isinstance(value, bool) else repr(value)}")
        cursor.fetchall()
    started = time.perf_counter()
    cursor.execute(statement)
    rows = cursor.fetchall()
    return rows, cursor.stats, time.perf_counter() - started


def write_with_trino(text: str) -> Run:
    _, stats, wall = run_in_trino(f"create or replace table {FACT} as {text}")
    return Run(wall, stats["cpuTimeMillis"] / 1000, stats.get("planningTimeMillis", 0) / 1000)


def taken_apart(text: str) -> Counter[str]:
    """CPU seconds of each kind of operator of one more run."""
    rows, _, _ = run_in_trino(f"explain analyze create or replace table {FACT} as {text}")
    spent: Counter[str] = Counter()
    step = OTHERS
    is_stage = False
    for line in "\n".join(row[0] for row in rows).splitlines():
        if line.startswith("Fragment "):
            is_stage = True
        elif operator := _OPERATOR.match(line):
            step = next((name for name, names in STEPS.items() if names.search(operator[1])), OTHERS)
        elif cpu := _CPU.search(line):
            seconds = float(cpu[1]) * _SECONDS[cpu[2]]
            if is_stage:  # of all its operators, and of handing on its rows, which is none of them
                spent[MOVE] += seconds
                is_stage = False
            else:
                spent[step] += seconds
                spent[MOVE] -= seconds
    return spent


class DuckDB:
    """The same query on copies of Silver's files."""

    def __init__(self, folder: Path, text: str) -> None:
        import duckdb

        self.result = folder / "result.parquet"
        self.connection = duckdb.connect()
        self.connection.execute(DIALECT + "attach ':memory:' as lake;")
        tables = dict.fromkeys(re.findall(r'"lake"\."(\w+)"\."(\w+)"', text))
        for schema, table in tables:
            self.connection.execute(f"create schema if not exists lake.{schema}")
            files = [self.copy(folder, path) for path in data_files(schema, table)]
            rows = f"select * from read_parquet({files}, union_by_name = true)" if files else self.empty(schema, table)
            self.connection.execute(f"create view lake.{schema}.{table} as {rows}")
        self.statement = f"copy ({text}) to '{self.result}' (format parquet, compression zstd)"

    def copy(self, folder: Path, path: str) -> str:
        from pyarrow import fs

        target = folder / path.removeprefix("s3://").replace("/", "_")
        source = path.removeprefix("s3://")
        fs.copy_files(source, str(target), connections.s3_filesystem(), fs.LocalFileSystem())
        return str(target)

    def empty(self, schema: str, table: str) -> str:
        columns = connections.query(
            "select column_name, data_type from lake.information_schema.columns "
            f"where table_schema = '{schema}' and table_name = '{table}' order by ordinal_position"
        )
        return (
            "select "
            + ", ".join(f"cast(null as {DUCKDB_TYPES.get(t, t)}) as {name}" for name, t in columns)
            + " limit 0"
        )

    def write(self) -> Run:
        wall, cpu = time.perf_counter(), time.process_time()
        self.connection.execute(self.statement)
        return Run(time.perf_counter() - wall, time.process_time() - cpu)

    def totals(self) -> list[tuple]:
        return self.connection.execute(TOTALS.format(f"read_parquet('{self.result}')")).fetchall()


def data_files(schema: str, table: str) -> list[str]:
    """Paths of the data files of a table's newest snapshot."""
    rows = connections.query(f'select file_path, content from lake.{schema}."{table}$files" where record_count > 0')
    assert all(content == 0 for _, content in rows), f"{table} has delete files, which DuckDB would not read"
    return [path for path, _ in rows]


def median(runs: list[Run], what: str) -> float:
    return statistics.median(getattr(run, what) for run in runs)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_500_000)
