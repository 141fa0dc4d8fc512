"""What a day costs when history grows: the run of a day's changes after ten years of a company, and after one.

    python -m benchmarks.daily_change                 10,000,000 rows of history, 20,000 changed: the whole run's time
    python -m benchmarks.daily_change dbt             2,000,000 invoices, 10,000 changed rows: dbt's time
    python -m benchmarks.daily_change [dbt] 200000    the same with another number of invoices

Both histories have the same documents a day, so the second is a tenth of the first. A small company is generated and
multiplied inside the database (_copies.py), extracted and built whole, untested. A day later it is run and published as
every day is; the first build and the first tests after a whole load look at everything again. Then it lives on until
enough rows have changed, and the run that loads them is timed: extraction, validation, dbt with every model and test,
tie-out. The tables that are multiplied are tied out by the months that were touched, as docs/tie-out.md advises for
tables of this size; the comparison of the whole, due once a week, is that of the untimed day before.
The stack is one of the benchmark's own, in .tieout-bench, and is removed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING
from unittest.mock import patch

from benchmarks._stack import own_stack

if TYPE_CHECKING:
    from tieout.batch import Batch

# A Saturday: the untimed day is a Sunday, and those that follow are working days, on which most happens.
LAST_DAY = date(2026, 10, 31)
YEARS = (1, 10)
# Invoices that the generator makes in ten years; the others are copies of them.
GENERATED = 20_000


@dataclass(frozen=True)
class Case:
    """What is measured. part: the part of the run that the target is about, None for the whole of it.

    invoices, changed: invoices in ten years, and at least so many rows changed in the run that is timed.
    """

    name: str
    title: str
    invoices: int
    changed: int
    part: str | None
    target: float


DBT = Case("daily_change", "A day's change in dbt, as history grows", 2_000_000, 10_000, "dbt", 3.0)
RUN = Case("daily_run", "A day's run, as history grows", 800_000, 20_000, None, 1.2)


@dataclass(frozen=True)
class Measured:
    """A history's rows by table, the rows that had changed, and the seconds of each part of the run."""

    held: dict[str, int]
    changed: int
    seconds: dict[str, float]

    def of(self, part: str | None) -> float:
        return self.seconds[part] if part else sum(self.seconds.values())


def main(case: Case, invoices: int) -> None:
    started = time.perf_counter()
    with own_stack(heap="8G"), by_month():
        short, long = (one_history(years, invoices, case.changed) for years in YEARS)
    report(case, short, long)
    print(f"the benchmark took {(time.perf_counter() - started) / 60:.0f} minutes")


def report(case: Case, short: Measured, long: Measured) -> None:
    """Print and record what the run cost after either history."""
    from benchmarks import _report

    figures = [
        _report.Figure(
            f"rows changed after {sum(measured.held.values()):,} rows of history",
            measured.changed,
            "rows",
            f"≥ {case.changed:,}",
            measured.changed >= case.changed,
        )
        for measured in (short, long)
    ]
    for part in (*long.seconds, None):
        name = part or "the whole run"
        seconds = [round(measured.of(part), 1) for measured in (short, long)]
        figures += [
            _report.Figure(f"{name}, {sum(measured.held.values()):,} rows of history", value, "s", None, None)
            for measured, value in zip((short, long), seconds, strict=True)
        ]
        ratio = round(long.of(part) / short.of(part), 2)
        target = f"≤ {case.target:g}" if part == case.part else None
        reached = ratio <= case.target if target else None
        figures.append(_report.Figure(f"{name}, after ten times the history", ratio, "×", target, reached))
        print(f"{name}: {seconds[0]} s and {seconds[1]} s, {ratio}×{f', to be {target}' if target else ''}")
    _report.record(case.name, case.title, figures)


def one_history(years: int, invoices: int, enough: int) -> Measured:
    """The run that loads ``enough`` changed rows or more after ``years``; in ten there are ``invoices``."""
    from benchmarks._copies import IDS, Copies
    from tests.lake import fresh_app_database, fresh_lake

    from tieout import connections
    from tieout.generate import advance, generate
    from tieout.generate.plan import ROWS_PER_INVOICE
    from tieout.generate.world import ORGANIZATIONS
    from tieout.ml.tables import ensure_ml_tables

    fresh_app_database()
    fresh_lake()
    ensure_ml_tables()
    start, day = LAST_DAY.replace(year=LAST_DAY.year - years), LAST_DAY
    generated = min(GENERATED, invoices)
    # The rate book has its size from the days alone.
    rates = ((LAST_DAY - start).days + 1) * sum(len(organization.foreign) for organization in ORGANIZATIONS)
    generate(rates + generated * years // YEARS[-1] * ROWS_PER_INVOICE, 1, start, LAST_DAY)
    with connections.app_db(autocommit=True) as connection:
        copies = Copies(connection, invoices // generated - 1)
        copies.make()
        land(day)
        load(day, day)
        for work, wanted in ((run_and_publish, 1), (run, enough)):
            first, changed = day + timedelta(days=1), 0
            # Day by day: on a working day ten times as much happens as on a Sunday.
            while changed < wanted:
                copies.mark()
                made = advance(1)
                changed += sum(copies.follow().values()) + made.rows
                day += timedelta(days=1)
                land(day)
            measured = work(first, day)
        seconds, slowest = measured
        held = {table: connection.execute(f"select count(*) from {table}").fetchone()[0] for table in IDS}
    print(f"{years} years: " + ", ".join(f"{rows:,} {table}" for table, rows in held.items()))
    print(f"  {changed:,} rows changed: " + ", ".join(f"{part} {took:.1f} s" for part, took in seconds.items()))
    print("  slowest in dbt: " + ", ".join(f"{name} {took:.1f}" for name, took in slowest))
    return Measured(held, changed, seconds)


@contextmanager
def by_month() -> Iterator[None]:
    """Describe the tables that are multiplied as tied out by the months in which their rows were entered."""
    from benchmarks._copies import IDS

    from tieout import sources
    from tieout.controls import tie_out

    described = sources.load_sources()
    app = described["app_db"]
    tables = tuple(replace(table, month="created_at") if table.name in IDS else table for table in app.tables)
    described = described | {app.name: replace(app, tables=tables)}
    with ExitStack() as stack:
        for module in (sources, tie_out):
            stack.enter_context(patch.object(module, "load_sources", lambda: described))
        yield


def land(day: date) -> None:
    """Take a day's deliveries; they are the same few whatever the history."""
    from tieout.batch import Batch
    from tieout.extract.landing import extract_landing
    from tieout.sources import load_sources

    for source in load_sources().values():
        if source.kind == "landing":
            extract_landing(source.name, Batch.of(day, "bench"))


def interval(first: date, last: date) -> Batch:
    """The batch of a data interval of several days: what they changed bears their time, and not the clock's."""
    from tieout.batch import Batch

    return replace(Batch.of(last, "bench"), interval_start=Batch.of(first, "bench").interval_start)


def load(first: date, last: date) -> None:
    """Extract and build days without testing them."""
    from tests.dbt import PROJECT, build

    from tieout.extract.postgres import extract_app_db

    extract_app_db(interval(first, last))
    build(PROJECT, str(last), "--exclude-resource-type", "unit_test", "test")


def run_and_publish(first: date, last: date) -> None:
    """A whole run that nobody times."""
    from tieout.publish import publish

    run(first, last)
    publish(interval(first, last))


def run(first: date, last: date) -> tuple[dict[str, float], list[tuple[str, float]]]:
    """One run: seconds of each of its parts, and dbt's slowest models with their tests."""
    from tieout.bronze.validation import validate_bronze
    from tieout.controls.tie_out import tie_out
    from tieout.extract.postgres import extract_app_db
    from tieout.orchestration.dbt_build import dbt_build

    batch = interval(first, last)
    seconds, records = {}, {}
    for part, work in (
        ("extraction", extract_app_db),
        ("validation", validate_bronze),
        ("dbt", lambda batch: records.update(dbt_build(batch, quiet=True))),
        ("tie-out", tie_out),
    ):
        started = time.perf_counter()
        work(batch)
        seconds[part] = time.perf_counter() - started
    costs = {name.rpartition(".")[2]: sum(node[2] for node in record["nodes"]) for name, record in records.items()}
    return seconds, sorted(costs.items(), key=lambda cost: -cost[1])[:12]


if __name__ == "__main__":
    words = sys.argv[1:]
    chosen = DBT if "dbt" in words else RUN
    numbers = [int(word) for word in words if word.isdigit()]
    main(chosen, *(numbers or [chosen.invoices]))
