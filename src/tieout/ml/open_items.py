"""The known future: what open invoices and bills are expected to bring, week by week, as known on past days too.

Trino does it in one statement, from Silver. Per counterparty it makes a life table of its documents: of what was open
at the start of a week before or after the due date, which share was paid in that week (hazard; Kaplan and Meier, 1958).
A counterparty's table is shrunk to its organization's. What is open today then runs through the weeks to come. The same
is done as of a day a quarter ago, two quarters ago and so on, from what had happened by then alone, so that a backtest
sees what a forecast made on that day would have seen.

What the past keeps and what not is as in fact_ar_aging: reversals and voids carry their day, a document counts from its
own date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from tieout.ml import lake
from tieout.ml.intervals import WEEK
from tieout.ml.money import to_floats

WEEKS = 13
# Origins lie one horizon apart, as those of the backtest (cash.plan_of), so that each of its origins is among them.
QUARTER = WEEKS * WEEK
QUARTERS = 12
# Weeks from the due date that a life table tells apart; what is older is paid as in the last of them.
FIRST_WEEK, LAST_WEEK = -13, 26
# The organization's habit counts as much as this many documents of the counterparty itself.
PRIOR_DOCUMENTS = 10

EXPECTED = """
with origins as (
    select k, date_add('day', -{quarter} * k, date '{day}') as origin
    from unnest(sequence(0, {quarters})) as t (k)
),

documents as (
    select 'inflow' as flow, invoice_id as document_id, org_id, currency, customer_id as party_id,
           invoice_date as issued_on, due_date, total_amount, status, voided_on, is_deleted
    from {silver}.stg_app_db__ar_invoices
    union all
    select 'outflow', bill_id, org_id, currency, supplier_id,
           bill_date, due_date, total_amount, status, voided_on, is_deleted
    from {silver}.stg_app_db__ap_bills
),

owed as (
    select flow, document_id, org_id, currency, party_id, issued_on, due_date, total_amount,
           case when status = 'void' then voided_on end as voided_on
    from documents
    where is_deleted = false and status <> 'draft' and total_amount > 0 and issued_on <= date '{day}'
      and (status <> 'void' or voided_on > issued_on)
),

settlements as (
    select coalesce(allocations.invoice_id, allocations.bill_id) as document_id, allocations.allocated_on as settled_on,
           allocations.amount, allocations.amount as paid_amount,
           case when payments.status = 'reversed' then payments.reversed_on end as reversed_on
    from {silver}.stg_app_db__payment_allocations as allocations
    inner join {silver}.stg_app_db__payments as payments on payments.payment_id = allocations.payment_id
    where allocations.is_deleted = false and payments.is_deleted = false and allocations.allocated_on <= date '{day}'
      and (payments.status = 'succeeded' or (payments.status = 'reversed' and payments.reversed_on is not null))
    union all
    select coalesce(invoice_id, bill_id), issued_on, amount, cast(0 as decimal(19, 4)), cast(null as date)
    from {silver}.stg_app_db__credit_notes
    where is_deleted = false and status = 'issued' and issued_on <= date '{day}'
),

histories as (
    -- the day after which nothing of the document changed, where nothing is left of it
    select owed.document_id,
           case when sum(settlements.amount) filter (where settlements.reversed_on is null) >= owed.total_amount
                then max(greatest(settlements.settled_on, coalesce(settlements.reversed_on, settlements.settled_on)))
           end as closed_on
    from owed
    inner join settlements on settlements.document_id = owed.document_id
    group by owed.document_id, owed.total_amount
),

lives as (
    select owed.*, least(date '{day}', coalesce(histories.closed_on, date '{day}'),
                         coalesce(owed.voided_on, date '{day}')) as last_day,
           histories.closed_on
    from owed
    left join histories on histories.document_id = owed.document_id
),

settled_weeks as (
    select lives.document_id, {settled_week} as week,
           cast(sum(settlements.paid_amount) as decimal(38, 10)) / lives.total_amount as paid_share,
           cast(sum(settlements.amount) as decimal(38, 10)) / lives.total_amount as settled_share
    from lives
    inner join settlements on settlements.document_id = lives.document_id
    group by lives.document_id, lives.total_amount, {settled_week}
),

weeks as (
    select lives.flow, lives.org_id, lives.party_id, t.week,
           date_diff('day', date_add('day', {days} * t.week + {days} - 1, lives.due_date), date '{day}') as days_since,
           coalesce(settled_weeks.paid_share, 0) as paid_share,
           1 - coalesce(sum(settled_weeks.settled_share) over (
               partition by lives.document_id order by t.week rows between unbounded preceding and 1 preceding
           ), 0) as open_share
    from lives
    cross join unnest(sequence({issued_week}, greatest({issued_week}, {last_week}))) as t (week)
    left join settled_weeks on settled_weeks.document_id = lives.document_id and settled_weeks.week = t.week
),

-- documents that were open at the start of a week, and how many of them were paid in it, by the quarter it ended in
counted as (
    select flow, org_id, party_id, week, least(days_since / {quarter}, {quarters}) as k,
           sum(open_share) as at_risk, sum(least(paid_share, open_share)) as paid
    from weeks
    where open_share > 0 and days_since >= 0
    group by flow, org_id, party_id, week, least(days_since / {quarter}, {quarters})
),

habits as (
    select origins.k, counted.flow, counted.org_id, counted.party_id, counted.week,
           sum(counted.at_risk) as at_risk, sum(counted.paid) as paid
    from counted
    inner join origins on origins.k <= counted.k
    group by origins.k, counted.flow, counted.org_id, counted.party_id, counted.week
),

usual as (
    select k, flow, org_id, week, sum(at_risk) as at_risk, sum(paid) as paid
    from habits
    group by k, flow, org_id, week
),

open_items as (
    select origins.k, lives.document_id, lives.flow, lives.org_id, lives.currency, lives.party_id,
           {next_week} as week,
           lives.total_amount - coalesce(sum(settlements.amount) filter (
               where settlements.settled_on <= origins.origin
                 and (settlements.reversed_on is null or settlements.reversed_on > origins.origin)
           ), 0) as remaining_amount
    from lives
    inner join origins
        on lives.issued_on <= origins.origin
        and (lives.voided_on is null or lives.voided_on > origins.origin)
        and (lives.closed_on is null or lives.closed_on > origins.origin)
    left join settlements on settlements.document_id = lives.document_id
    group by origins.k, lives.document_id, lives.flow, lives.org_id, lives.currency, lives.party_id,
             lives.total_amount, {next_week}
),

ahead as (
    select open_items.k, open_items.flow, open_items.org_id, open_items.currency, open_items.party_id,
           open_items.week as first_week, t.week_ahead,
           least(greatest(open_items.week + t.week_ahead, {first}), {last}) as week,
           sum(open_items.remaining_amount) as remaining_amount
    from open_items
    cross join unnest(sequence(0, {weeks} - 1)) as t (week_ahead)
    where open_items.remaining_amount > 0
    group by open_items.k, open_items.flow, open_items.org_id, open_items.currency, open_items.party_id,
             open_items.week, t.week_ahead
),

hazards as (
    -- below one, so that its logarithm exists
    select ahead.*, least(
               (coalesce(cast(habits.paid as double), 0e0)
                + {prior}e0 * coalesce(cast(usual.paid as double) / cast(usual.at_risk as double), 0e0))
               / (coalesce(cast(habits.at_risk as double), 0e0) + {prior}e0), 1e0 - 1e-9) as hazard
    from ahead
    left join habits
        on habits.k = ahead.k and habits.flow = ahead.flow and habits.org_id = ahead.org_id
        and habits.party_id = ahead.party_id and habits.week = ahead.week
    left join usual
        on usual.k = ahead.k and usual.flow = ahead.flow and usual.org_id = ahead.org_id and usual.week = ahead.week
),

chances as (
    select *, hazard * exp(coalesce(sum(ln(1e0 - hazard)) over (
               partition by k, flow, org_id, currency, party_id, first_week
               order by week_ahead rows between unbounded preceding and 1 preceding
           ), 0e0)) as chance
    from hazards
)

-- sums of decimals do not depend on their order, those of doubles do
select origins.origin, chances.org_id, chances.currency, chances.flow, chances.week_ahead,
       sum(chances.remaining_amount * cast(chances.chance as decimal(11, 10))) as expected
from chances
inner join origins on origins.k = chances.k
group by origins.origin, chances.org_id, chances.currency, chances.flow, chances.week_ahead
"""


@dataclass(frozen=True)
class OpenItems:
    """One flow of one series: {day: what documents open at its end were expected to bring in each of the 13 weeks
    after}, floats in the series' currency. A day on which nothing was open is missing."""

    expected: Mapping[date, np.ndarray]

    def on(self, day: date) -> np.ndarray:
        return self.expected.get(day, np.zeros(WEEKS))


# By organization, currency and flow.
Key = tuple[str, str, str]


def load_open_items(day: date) -> dict[Key, OpenItems]:
    """The open items of every series that has any, as of ``day`` and each quarter before it, up to three years."""
    found: dict[Key, dict[date, np.ndarray]] = {}
    for row in lake.rows(statement(day)):
        weeks = found.setdefault((row["org_id"], row["currency"], row["flow"]), {})
        weeks.setdefault(row["origin"], np.zeros(WEEKS))[row["week_ahead"]] = to_floats([row["expected"]])[0]
    return {key: OpenItems(weeks) for key, weeks in found.items()}


def statement(day: date) -> str:
    """The SQL of EXPECTED as of ``day``."""
    bound = {"silver": lake.SILVER, "day": day, "quarter": QUARTER, "quarters": QUARTERS, "days": WEEK}
    bound |= {"weeks": WEEKS, "first": FIRST_WEEK, "last": LAST_WEEK, "prior": PRIOR_DOCUMENTS}
    return EXPECTED.format(
        **bound,
        issued_week=_within(_week_of("lives.issued_on")),
        last_week=_within(_week_of("lives.last_day")),
        settled_week=f"greatest({_week_of('settlements.settled_on')}, {FIRST_WEEK})",
        # The first week ahead is told by its middle.
        next_week=_week_of(f"date_add('day', {WEEK // 2 + 1}, origins.origin)"),
    )


def _week_of(day: str) -> str:
    """The week of a day (SQL) from the document's due date, which is the first day of week 0.

    Integer division cuts towards zero: the days are counted from 10,000 weeks before.
    """
    return f"((date_diff('day', lives.due_date, {day}) + {10_000 * WEEK}) / {WEEK} - 10000)"


def _within(week: str) -> str:
    return f"least(greatest({week}, {FIRST_WEEK}), {LAST_WEEK})"


def origins_before(day: date, first_day: date) -> list[date]:
    """The days a quarter, two quarters and so on before ``day``, from ``first_day`` on, newest first."""
    days = (day - timedelta(days=QUARTER * back) for back in range(1, QUARTERS + 1))
    return [origin for origin in days if origin >= first_day]
