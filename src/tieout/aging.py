"""`tieout aging`: the facts of past days, as of days on which no run was.

A day's run writes its own day into the facts that are kept per as-of date. Here the same dbt models, with their tests,
write any other day up to the newest that is loaded, from what the books now say of it. The rows go to the candidate
of Gold; readers see them when the next run has tied out and published, as they see everything.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from tieout import connections
from tieout.batch import Batch
from tieout.controls import ops
from tieout.controls.layers import CANDIDATE
from tieout.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

# The facts that are kept per as-of date, in the order in which they read each other.
FACTS = (
    "fact_ar_aging",
    "fact_ap_aging",
    "fact_trial_balance",
    "fact_control_account_ties",
    "fact_control_account_differences",
    "fact_kpi_daily",
    "fact_holdings",
    "fact_leakage_daily",
)
_AGING = """
select side, currency, aging_bucket, count(*), sum(remaining_amount)
from (
  select 'receivable' as side, currency, aging_bucket, days_overdue, remaining_amount
  from lake.{candidate}.fact_ar_aging where as_of_date = date '{day}'
  union all
  select 'payable', currency, aging_bucket, days_overdue, remaining_amount
  from lake.{candidate}.fact_ap_aging where as_of_date = date '{day}'
)
group by side, currency, aging_bucket
order by side desc, currency, min(days_overdue)
"""


def run(first: str, last: str | None) -> None:
    """Write the days and print the aging of the last one."""
    from rich.console import Console

    console = Console()
    days = days_of(first, last)
    for day in days:
        write(day)
        console.print(f"{day} written")
    _show(console, days[-1])
    console.print("Readers of lake.gold see it once the next run has tied out and published.")


def days_of(first: str, last: str | None) -> list[date]:
    """Every day from first to last (YYYY-MM-DD), both included; without last the first alone.

    Raises ConfigError for what is no day or no span, and for days that are not loaded yet.
    """
    start, end = Batch.of(first, "").day, Batch.of(last or first, "").day
    if end < start:
        raise ConfigError(f"--to {end} is before --as-of {start}: name the earlier day first")
    [(newest,)] = connections.query(f"select max(batch) from {ops.SCHEMA}.table_outcomes where status = 'loaded'")
    if newest is None:
        raise ConfigError(f"nothing is loaded yet: run a day first, as in `tieout run --date {end}`")
    if end > newest:
        raise ConfigError(f"{end} is not loaded yet, the newest day is {newest}: `tieout run --date {end}` writes it")
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def write(day: date) -> None:
    """Build and test the facts as of a day. Raises TransformationError when a model or a test fails."""
    from tieout.orchestration.dbt_build import dbt_build

    dbt_build(Batch.of(day, "aging"), select=FACTS, quiet=True)


def _show(console: Console, day: date) -> None:
    from rich.table import Table

    table = Table(title=f"Open documents as of {day}", title_justify="left")
    for column in ("side", "currency", "age"):
        table.add_column(column)
    for column in ("documents", "remaining"):
        table.add_column(column, justify="right")
    for side, currency, bucket, documents, amount in connections.query(_AGING.format(candidate=CANDIDATE, day=day)):
        table.add_row(side, currency, bucket, f"{documents:,}", f"{amount:,f}")
    console.print(table)
