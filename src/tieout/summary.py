"""What a demo ends with: what was moved, what was proven, what Gold says, and what to open next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tieout.connections import query
from tieout.highlights import highlights
from tieout.settings import get_settings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from tieout.orchestration.run import RunResult

SAMPLE = (
    "select o.organization_name, a.aging_bucket, a.currency, count(*) as invoices, sum(a.remaining_amount) as owed "
    "from lake.gold.fact_ar_aging a join lake.gold.dim_organization o on o.org_id = a.org_id "
    "where a.as_of_date = (select max(as_of_date) from lake.gold.fact_kpi_daily) group by 1, 2, 3 order by 1, 2"
)

# Of each batch the newest rows count: a day that was run again, or a task tried again, has recorded its rows again.
_MOVED = """
select batch, source, sum(rows_seen), sum(rows_kept), sum(rows_quarantined), sum(rows_deleted), sum(bytes)
from (
  select *, max(recorded_at) over (partition by batch, source, entity) as newest from lake.ops.table_outcomes
  where run_id in (select run_id from lake.ops.publications)
)
where recorded_at = newest
group by 1, 2 order by 1, 2
"""
_PROVEN = """
select
  batch,
  count_if(check_name = 'source_silver'),
  count_if(check_name = 'outcome_bronze'),
  count_if(check_name = 'bronze_silver'),
  count_if(check_name not in ('source_silver', 'outcome_bronze', 'bronze_silver')),
  (select count(*) from lake.ops.repairs as repairs where repairs.batch = compared.batch and status = 'repaired'),
  count_if(status <> 'tied')
from (
  select *, max(recorded_at) over (partition by batch) as newest from lake.ops.tie_out
  where run_id in (select run_id from lake.ops.publications)
) as compared
where recorded_at = newest
group by batch order by batch
"""
_RECONCILIATION = """
select status, count(*), count(distinct coalesce(stripe_currency, netsuite_currency))
from lake.gold.fact_reconciliation group by 1 order by 2 desc, 1
"""
# A sum that leaves out what has no rate would pass for a small leak.
_LEAKAGE = """
select base_currency, sum(items), sum(opened_items), sum(resolved_items), sum(awaited_items),
  if(not bool_or(is_rate_missing and leakage_amount > 0), coalesce(sum(base_leakage_amount), 0))
from lake.gold.fact_leakage_daily
where as_of_date = (select max(as_of_date) from lake.gold.fact_kpi_daily)
group by 1 order by 2 desc, 1
"""
_PAYOUTS = """
select status, count(*), count(distinct currency), sum(component_count), sum(booking_count), sum(deposit_count)
from lake.gold.fact_payout_reconciliation group by 1 order by 2 desc, 1
"""


def show(console: Console, runs: Sequence[RunResult]) -> None:
    """Print the whole summary; runs: those of this demo, whose timing is shown."""
    for table in (_moved(), _proven(), _reconciliation(), _leakage(), _payouts(), _highlights()):
        console.print(table)
    if runs:
        console.print(_timing(runs))
    _next(console)


def _moved() -> Table:
    table = _table("What was moved", "batch", "source", "#rows", "#kept", "#quarantined", "#deleted", "#MB")
    for batch, source, *numbers, size in query(_MOVED):
        table.add_row(str(batch), source, *(f"{n:,}" for n in numbers), f"{size / 1e6:,.1f}")
    return table


def _proven() -> Table:
    table = _table(
        "What was proven: comparisons of rows, sums per currency and checksums",
        *("batch", "#source = Silver", "#read = Bronze", "#Bronze = Silver", "#Silver = Gold", "#repaired", "drift"),
    )
    for batch, *compared, drifts in query(_PROVEN):
        table.add_row(str(batch), *(f"{n:,}" for n in compared), f"[red]{drifts}[/]" if drifts else "[green]none[/]")
    return table


def _reconciliation() -> Table:
    table = _table("Gold: Stripe against NetSuite", "status", "#items", "#currencies")
    for status, items, currencies in query(_RECONCILIATION):
        table.add_row(status, f"{items:,}", str(currencies))
    return table


def _leakage() -> Table:
    table = _table(
        "Gold: leakage between Stripe and NetSuite at the end of the newest day, in base currency",
        *("currency", "#open items", "#opened", "#resolved", "#awaited", "#leakage"),
    )
    for currency, *items, leakage in query(_LEAKAGE):
        amount = "rate missing" if leakage is None else f"{leakage:,.2f}"
        table.add_row(currency or "(none)", *(f"{n:,}" for n in items), amount)
    return table


def _payouts() -> Table:
    table = _table(
        "Gold: payouts against the balance's movements, the bank and NetSuite",
        *("status", "#payouts", "#currencies", "#movements", "#bookings", "#deposits"),
    )
    for status, *counts in query(_PAYOUTS):
        table.add_row(status, *(f"{n:,}" for n in counts))
    return table


def _highlights() -> Table:
    table = _table("Gold: a line of each fact", "lake.gold", "newest day, and the currency with most rows")
    for fact, line in highlights().items():
        table.add_row(fact, line or "nothing to tell")
    return table


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
    console.print(f"  Trino    {settings.trino_url}  any user name; read lake.gold", highlight=False)
    console.print("  a query to paste:")
    console.print(f'  .venv/bin/tieout sql "{SAMPLE}"', highlight=False, soft_wrap=True)


def _table(title: str, *columns: str) -> Table:
    """A table; a column whose name starts with # holds numbers."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in columns:
        justify = "right" if column.startswith("#") else "left"
        table.add_column(column.removeprefix("#"), justify=justify, no_wrap=column == "batch")
    return table
