"""What an isolation forest sees of a payment, a bill or a bank booking: how it differs from its counterparty's habits.

Trino computes the usual (exact medians, counts, shares) over the whole window; only the newest rows, one each, come
into Python. Ratios are model inputs and so DOUBLE; amounts stay DECIMAL beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tieout.ml import lake
from tieout.ml.rules import LOOKBACK_DAYS, PARTIES, SETTLED_PAYMENTS

MAX_ROWS = 20_000


@dataclass(frozen=True)
class Subject:
    """What is judged. rows: a query for subject_id, org_id, direction (in or out), party_id, party, currency, amount
    (positive), occurred_on, and is_judged: whether an unusual one is told, or is only part of what is usual."""

    kind: str
    subject_type: str
    rows: str


PAYMENTS = Subject(
    "unusual_payment",
    "payment",
    f"""
    select settled.payment_id as subject_id, settled.org_id, settled.direction, settled.party_id, parties.name as party,
           settled.currency, settled.amount, settled.payment_date as occurred_on, true as is_judged
    from ({SETTLED_PAYMENTS}) as settled
    left join ({PARTIES}) as parties on parties.party_id = settled.party_id
""",
)
BILLS = Subject(
    "unusual_bill",
    "ap_bill",
    """
    select bills.bill_id as subject_id, bills.org_id, 'out' as direction, bills.supplier_id as party_id,
           suppliers.name as party, bills.currency, bills.total_amount as amount, bills.bill_date as occurred_on,
           true as is_judged
    from {silver}.stg_app_db__ap_bills as bills
    left join {silver}.stg_app_db__suppliers as suppliers on suppliers.supplier_id = bills.supplier_id
    where bills.is_deleted = false
      and (bills.status not in ('draft', 'void') or bills.voided_on > date '{day}')
      and bills.bill_date <= date '{day}'
      and bills.total_amount > 0
""",
)
# What books a payment is told as that payment; it still says what is usual with a counterparty, whom the bank knows by
# name alone. Transfers between own accounts have no counterparty.
BANK = Subject(
    "unusual_bank_transaction",
    "bank_transaction",
    """
    select bank_transaction_id as subject_id, org_id, if(amount > 0, 'in', 'out') as direction,
           coalesce(counterparty, '') as party_id, counterparty as party, currency,
           cast(abs(amount) as decimal(19, 4)) as amount, booked_on as occurred_on, payment_id is null as is_judged
    from {silver}.stg_app_db__bank_transactions
    where is_deleted = false and transfer_group_id is null and booked_on <= date '{day}'
""",
)
SUBJECTS = (PAYMENTS, BILLS, BANK)

# A median of the rows numbered by size is the mean of the one or two in the middle: exact, where approx_percentile
# depends on how the work was split. A spread is the distance of the quartiles in logs: how much amounts usually differ.
_FEATURES = """
with recent as (
    select *, day_of_week(occurred_on) as weekday
    from ({rows})
    where occurred_on > date '{{day}}' - interval '{{lookback}}' day
),
ranked as (
    select *,
           row_number() over (partition by org_id, direction, currency, party_id order by amount, subject_id)
               as party_rank,
           count(*) over (partition by org_id, direction, currency, party_id) as party_rows,
           row_number() over (partition by org_id, direction, currency order by amount, subject_id) as org_rank,
           count(*) over (partition by org_id, direction, currency) as org_rows,
           count(*) over (partition by org_id, direction) as direction_rows,
           count(*) over (partition by org_id, direction, weekday) as weekday_rows,
           date_diff('day', lag(occurred_on) over (
               partition by org_id, direction, currency, party_id order by occurred_on, subject_id
           ), occurred_on) as gap_days
    from recent
),
party_usual as (
    select org_id, direction, currency, party_id,
           avg(amount) filter (
               where party_rank between (party_rows + 1) / 2 and (party_rows + 2) / 2
           ) as party_median,
           ln(cast(max(amount) filter (where party_rank = (3 * party_rows + 3) / 4) as double))
           - ln(cast(max(amount) filter (where party_rank = (party_rows + 3) / 4) as double)) as party_spread,
           max(party_span) as usual_gap
    from (
        select *, date_diff('day',
                   min(occurred_on) over (partition by org_id, direction, currency, party_id),
                   max(occurred_on) over (partition by org_id, direction, currency, party_id)
               ) * 1e0 / greatest(party_rows - 1, 1) as party_span
        from ranked
    )
    group by org_id, direction, currency, party_id
),
org_usual as (
    select org_id, direction, currency,
           avg(amount) filter (where org_rank between (org_rows + 1) / 2 and (org_rows + 2) / 2) as org_median,
           ln(cast(max(amount) filter (where org_rank = (3 * org_rows + 3) / 4) as double))
           - ln(cast(max(amount) filter (where org_rank = (org_rows + 3) / 4) as double)) as org_spread
    from ranked
    group by org_id, direction, currency
)
select ranked.org_id, ranked.subject_id, ranked.occurred_on, ranked.amount, ranked.currency, ranked.direction,
       ranked.party, ranked.is_judged, ranked.party_rows, party_usual.party_median, party_usual.party_spread,
       ranked.org_rows, org_usual.org_median, org_usual.org_spread, ranked.gap_days, party_usual.usual_gap,
       ranked.weekday, ranked.weekday_rows, ranked.direction_rows
from ranked
inner join party_usual
    on party_usual.org_id = ranked.org_id
    and party_usual.direction = ranked.direction
    and party_usual.currency = ranked.currency
    and party_usual.party_id = ranked.party_id
inner join org_usual
    on org_usual.org_id = ranked.org_id
    and org_usual.direction = ranked.direction
    and org_usual.currency = ranked.currency
order by ranked.occurred_on desc, ranked.subject_id
limit {{limit}}
"""


def statement(subject: Subject, day: date) -> str:
    """The query of the newest rows of ``subject`` and their counterparties' habits as of ``day``."""
    sql = _FEATURES.format(rows=subject.rows)
    return sql.format(silver=lake.SILVER, day=day, lookback=LOOKBACK_DAYS, limit=MAX_ROWS)
