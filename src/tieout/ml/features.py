"""What an isolation forest sees of a payment: how it differs from what its counterparty usually does.

Trino computes the usual (exact medians, counts, shares) over the whole window; only the newest payments, one row each,
come into Python. Ratios are model inputs and so DOUBLE; amounts stay DECIMAL beside them.
"""

from __future__ import annotations

from datetime import date

from tieout.ml import lake
from tieout.ml.rules import PARTIES, SETTLED_PAYMENTS

LOOKBACK_DAYS = 365
MAX_PAYMENTS = 20_000

# A median of the rows numbered by size is the mean of the one or two in the middle: exact, where approx_percentile
# depends on how the work was split. A spread is the distance of the quartiles in logs: how much amounts usually differ.
PAYMENT_FEATURES = f"""
with settled as ({SETTLED_PAYMENTS}),
recent as (
    select settled.*, day_of_week(payment_date) as weekday
    from settled
    where payment_date > date '{{day}}' - interval '{{lookback}}' day
),
parties as ({PARTIES}),
ranked as (
    select *,
           row_number() over (partition by org_id, direction, currency, party_id order by amount, payment_id)
               as party_rank,
           count(*) over (partition by org_id, direction, currency, party_id) as party_payments,
           row_number() over (partition by org_id, direction, currency order by amount, payment_id) as org_rank,
           count(*) over (partition by org_id, direction, currency) as org_payments,
           count(*) over (partition by org_id, direction) as direction_payments,
           count(*) over (partition by org_id, direction, weekday) as weekday_payments,
           date_diff('day', lag(payment_date) over (
               partition by org_id, direction, currency, party_id order by payment_date, payment_id
           ), payment_date) as gap_days
    from recent
),
party_usual as (
    select org_id, direction, currency, party_id,
           avg(amount) filter (
               where party_rank between (party_payments + 1) / 2 and (party_payments + 2) / 2
           ) as party_median,
           ln(cast(max(amount) filter (where party_rank = (3 * party_payments + 3) / 4) as double))
           - ln(cast(max(amount) filter (where party_rank = (party_payments + 3) / 4) as double)) as party_spread,
           max(party_span) as usual_gap
    from (
        select *, date_diff('day',
                   min(payment_date) over (partition by org_id, direction, currency, party_id),
                   max(payment_date) over (partition by org_id, direction, currency, party_id)
               ) * 1e0 / greatest(party_payments - 1, 1) as party_span
        from ranked
    )
    group by org_id, direction, currency, party_id
),
org_usual as (
    select org_id, direction, currency,
           avg(amount) filter (where org_rank between (org_payments + 1) / 2 and (org_payments + 2) / 2) as org_median,
           ln(cast(max(amount) filter (where org_rank = (3 * org_payments + 3) / 4) as double))
           - ln(cast(max(amount) filter (where org_rank = (org_payments + 3) / 4) as double)) as org_spread
    from ranked
    group by org_id, direction, currency
)
select ranked.org_id, ranked.payment_id, ranked.payment_date, ranked.amount, ranked.currency, ranked.direction,
       parties.name as party, ranked.party_payments, party_usual.party_median,
       party_usual.party_spread, org_usual.org_median, org_usual.org_spread, ranked.gap_days,
       party_usual.usual_gap, ranked.weekday, ranked.weekday_payments, ranked.direction_payments
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
left join parties on parties.party_id = ranked.party_id
order by ranked.payment_date desc, ranked.payment_id
limit {{limit}}
"""


def payments_statement(day: date) -> str:
    """The query of the newest payments and their counterparties' habits as of ``day``."""
    return PAYMENT_FEATURES.format(silver=lake.SILVER, day=day, lookback=LOOKBACK_DAYS, limit=MAX_PAYMENTS)
