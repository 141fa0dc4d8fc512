"""The cash that moved: one series per organization and currency, aggregated by Trino from Silver."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from tieout.ml import lake
from tieout.ml.intervals import WEEK
from tieout.ml.models import History
from tieout.ml.money import to_floats
from tieout.ml.open_items import OpenItems, load_open_items

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Three years hold three of each season; what lies before says little about the next 90 days and costs time.
HISTORY_DAYS = 3 * 365 + 1

# Internal transfers move no cash in or out, but a transfer between currencies moves a balance: only the flows leave
# them out.
FLOWS = """
select org_id, currency, booked_on,
       sum(case when amount > 0 then amount else cast(0 as decimal(19, 4)) end) as inflow,
       sum(case when amount < 0 then -amount else cast(0 as decimal(19, 4)) end) as outflow
from {silver}.stg_app_db__bank_transactions
where is_deleted = false
  and transfer_group_id is null
  and booked_on <= date '{day}'
  and booked_on > date '{day}' - interval '{history_days}' day
group by org_id, currency, booked_on
"""

BALANCES = """
with movements as (
    select org_id, currency, opening_balance as amount
    from {silver}.stg_app_db__bank_accounts
    where is_deleted = false and opened_on <= date '{day}'
    union all
    select org_id, currency, amount
    from {silver}.stg_app_db__bank_transactions
    where is_deleted = false and booked_on <= date '{day}'
)
select movements.org_id, movements.currency, sum(movements.amount) as balance, currencies.minor_unit
from movements
left join {silver}.stg_app_db__currencies as currencies
    on currencies.currency_code = movements.currency and currencies.is_deleted = false
group by movements.org_id, movements.currency, currencies.minor_unit
order by movements.org_id, movements.currency
"""


@dataclass(frozen=True)
class CashSeries:
    """Daily cash of one organization in one currency, from its first day with cash to the batch day.

    inflow and outflow are floats for the models, both positive, 0 on a day without cash; empty where no cash ever
    moved. balance is the exact bank balance at the end of last_day. minor_unit is None for an unknown currency.
    open_items: by flow, what is known to be open.
    """

    org_id: str
    currency: str
    minor_unit: int | None
    balance: Decimal
    last_day: date
    inflow: np.ndarray
    outflow: np.ndarray
    open_items: Mapping[str, OpenItems] = field(default_factory=dict)

    @property
    def days(self) -> int:
        return len(self.inflow)

    @property
    def first_day(self) -> date:
        return self.last_day - timedelta(days=self.days - 1)

    def history(self, flow: str) -> History:
        """The flow (inflow or outflow) as a model sees it: days, with a season of a week."""
        return History(getattr(self, flow), WEEK, self.first_day, self.open_items.get(flow))

    @property
    def name(self) -> str:
        return f"{self.org_id}/{self.currency}"


def load_series(day: date) -> list[CashSeries]:
    """Every organization's cash per currency up to ``day``, in the order of org and currency."""
    flows: dict[tuple[str, str], list[tuple[date, Decimal, Decimal]]] = {}
    for row in lake.rows(FLOWS.format(silver=lake.SILVER, day=day, history_days=HISTORY_DAYS)):
        moved = (row["booked_on"], row["inflow"], row["outflow"])
        flows.setdefault((row["org_id"], row["currency"]), []).append(moved)
    open_items = load_open_items(day)
    every = []
    for row in lake.rows(BALANCES.format(silver=lake.SILVER, day=day)):
        key = row["org_id"], row["currency"]
        series = cash_series(**row, last_day=day, flows=flows.get(key, []))
        known = {flow: open_items[*key, flow] for flow in ("inflow", "outflow") if (*key, flow) in open_items}
        every.append(replace(series, open_items=known))
    return every


def cash_series(
    org_id: str,
    currency: str,
    minor_unit: int | None,
    balance: Decimal,
    last_day: date,
    flows: Iterable[tuple[date, Decimal, Decimal]],
) -> CashSeries:
    """A series from the days on which cash moved, given as (day, inflow, outflow) in any order; gaps become 0."""
    by_day = {day: (inflow, outflow) for day, inflow, outflow in flows}
    length = (last_day - min(by_day)).days + 1 if by_day else 0
    nothing = (Decimal(0), Decimal(0))
    rows = [by_day.get(last_day - timedelta(days=back), nothing) for back in reversed(range(length))]
    return CashSeries(
        org_id=org_id,
        currency=currency,
        minor_unit=minor_unit,
        balance=balance,
        last_day=last_day,
        inflow=to_floats(row[0] for row in rows),
        outflow=to_floats(row[1] for row in rows),
    )
