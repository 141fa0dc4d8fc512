"""What a day costs dbt when history grows: the build of one day more of the same company, after ten years and one.

python -m benchmarks.daily_change [invoices in ten years, 200,000 unless given]. Each company is generated, extracted
and built whole; then it lives one day on, and the build of that day is timed, tests included. Both make the same number
of documents a day, so the second history is a tenth of the first. The stack is one of the benchmark's own, in
.tieout-bench, and is removed.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

from tieout.settings import PROJECT_ROOT, Settings, get_settings

PORT_OFFSET = 3000
LAST_DAY = date(2026, 10, 30)
YEARS = (1, 10)


@contextmanager
def own_stack() -> Iterator[None]:
    """The stack, on ports and in a folder of its own: the benchmark empties the lake."""
    from tieout.local.progress import Board
    from tieout.local.stack import down, up

    home = PROJECT_ROOT / ".tieout-bench"
    os.environ["TIEOUT_HOME"] = str(home)
    os.environ["AIRFLOW_HOME"] = str(home / "airflow")
    # Silver's first load of a table is one query; the demo's heap is made for small companies.
    os.environ.setdefault("TIEOUT_TRINO_HEAP", "8G")
    for name in ("postgres_port", "minio_port", "minio_console_port", "trino_port", "airflow_port"):
        os.environ[f"TIEOUT_{name.upper()}"] = str(Settings.model_fields[name].default + PORT_OFFSET)
    get_settings.cache_clear()
    with Board() as board:
        up(board)
    get_settings.cache_clear()
    try:
        yield
    finally:
        down()
        shutil.rmtree(home)


def main(invoices: int) -> None:
    from tieout.generate.plan import ROWS_PER_INVOICE

    with own_stack():
        seconds = {years: one_day(invoices * years // YEARS[-1] * ROWS_PER_INVOICE, years) for years in YEARS}
    short, long = YEARS
    print(f"dbt, one day after {long} years against after {short}: {seconds[long] / seconds[short]:.2f}×")


def one_day(rows: int, years: int) -> float:
    """Seconds of the dbt build of the day after ``years`` years of a company of ``rows`` rows."""
    from tests.lake import fresh_app_database, fresh_lake

    from tieout import connections
    from tieout.generate import advance, generate
    from tieout.ml.tables import ensure_ml_tables

    fresh_app_database()
    fresh_lake()
    ensure_ml_tables()
    generate(rows, 1, LAST_DAY.replace(year=LAST_DAY.year - years), LAST_DAY)
    load_and_build(LAST_DAY)
    changed = advance(1)
    seconds, slowest = load_and_build(LAST_DAY + timedelta(days=1))
    counts = "select count(*) from lake.silver.stg_app_db__{}"
    held = [connections.query(counts.format(name))[0][0] for name in ("ar_invoices", "payment_allocations")]
    print(
        f"{years:>3} years, {held[0]:,} invoices, {held[1]:,} allocations; {changed.rows:,} rows in a day: "
        f"dbt {seconds:.1f} s; slowest: " + ", ".join(f"{name} {took:.1f}" for name, took in slowest)
    )
    return seconds


def load_and_build(day: date) -> tuple[float, list[tuple[str, float]]]:
    """Extract a day and build it; the build's seconds, and its slowest models with their tests."""
    from tieout.batch import Batch
    from tieout.extract.landing import extract_landing
    from tieout.extract.postgres import extract_app_db
    from tieout.orchestration.dbt_build import dbt_build

    batch = Batch.of(str(day), "bench")
    extract_app_db(batch)
    for source in ("stripe", "netsuite"):
        extract_landing(source, batch)
    started = time.perf_counter()
    records = dbt_build(batch)
    seconds = time.perf_counter() - started
    costs = {name: sum(node[2] for node in record["nodes"]) for name, record in records.items()}
    return seconds, sorted(costs.items(), key=lambda cost: -cost[1])[:12]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
