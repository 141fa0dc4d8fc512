"""What a demo ends with: what was moved, what was proven, what Gold says, and what to open next."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tieout.connections import query
from tieout.settings import get_settings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from tieout.orchestration.run import RunResult

SAMPLE = (
    "select o.name, a.aging_bucket, a.currency, count(*) as invoices, sum(a.remaining_amount) as owed "
    "from lake.gold.fact_ar_aging a join lake.gold.dim_organization o on o.org_id = a.org_id "
    "where a.as_of_date = (select max(as_of_date) from lake.gold.fact_ar_aging) group by 1, 2, 3 order by 1, 2"
)

# The newest rows of each run's tables count: a task that was tried again has recorded its rows again.
_MOVED = """
select batch, source, sum(rows_seen), sum(rows_kept), sum(rows_quarantined), sum(rows_deleted), sum(bytes), sum(seconds)
from (
  select *, max(recorded_at) over (partition by run_id, source, entity) as newest from lake.ops.table_outcomes
)
where recorded_at = newest and run_id in (select run_id from lake.ops.publications)
group by 1, 2 order by 1, 2
"""
_PROVEN = """
select batch, check_name, count(*), count_if(status = 'tied'), count_if(status = 'drift')
from (select *, max(recorded_at) over (partition by run_id) as newest from lake.ops.tie_out)
where recorded_at = newest and run_id in (select run_id from lake.ops.publications)
group by 1, 2 order by 1, 2
"""
_INVOICES = """
select currency, count(*), sum(total_amount), sum(allocated_amount), sum(remaining_amount)
from lake.gold.fact_ar_invoices group by 1 order by 1
"""
_RECONCILIATION = """
select status, count(*), count(distinct coalesce(stripe_currency, netsuite_currency))
from lake.gold.fact_reconciliation group by 1 order by 2 desc, 1
"""


def show(console: Console, runs: Sequence[RunResult]) -> None:
    """Print the whole summary; runs: those of this demo, whose timing is shown."""
    moved = _table("What was moved", "batch", "source", *_NUMBERS)
    for batch, source, *numbers, size, seconds in query(_MOVED):
        moved.add_row(str(batch), source, *(f"{n:,}" for n in numbers), f"{size / 1e6:,.1f}", f"{seconds:.1f}")
    proven = _table("What was proven (comparisons to the cent)", "batch", "check", "#compared", "#tied", "#drift")
    invoices = _table("Gold: invoices", "currency", "#invoices", "#total", "#paid", "#still owed")
    reconciliation = _table("Gold: Stripe against NetSuite", "status", "#items", "#currencies")
    for table, sql in ((proven, _PROVEN), (invoices, _INVOICES), (reconciliation, _RECONCILIATION)):
        for row in query(sql):
            table.add_row(*(_cell(value) for value in row))
    for table in (moved, proven, invoices, reconciliation):
        console.print(table)
    if runs:
        console.print(_timing(runs))
    _next(console)


_NUMBERS = ("#rows seen", "#kept", "#quarantined", "#deleted", "#MB", "#seconds")


def _timing(runs: Sequence[RunResult]) -> Table:
    table = _table("How long it took (seconds)", "batch", "#wall", "#work", "#orchestration")
    for run in runs:
        spans = (run.timing.wall, run.timing.work, run.timing.overhead)
        table.add_row(str(run.batch), *(f"{span.total_seconds():.1f}" for span in spans))
    return table


def _next(console: Console) -> None:
    settings = get_settings()
    console.print("[bold]What to open next[/]")
    console.print(
        f"  Airflow  {settings.airflow_url}  user admin, password {settings.reveal('airflow_admin_password')}"
    )
    console.print(f"  Trino    {settings.trino_url}  any user name; lake.gold is what was published", highlight=False)
    console.print("  a query to paste:")
    console.print(f'  .venv/bin/tieout sql "{SAMPLE}"', highlight=False, soft_wrap=True)


def _table(title: str, *columns: str) -> Table:
    """A table; a column whose name starts with # holds numbers."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column.removeprefix("#"), justify="right" if column.startswith("#") else "left")
    return table


def _cell(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:,f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
