"""Rules on payments that are in order one by one and stand out by whom they go to, or together."""

from __future__ import annotations

from typing import Any

from tieout.ml.alerts import money
from tieout.ml.rules import PARTIES, SETTLED_PAYMENTS, Found, Rule

# A first payment is large where it is above what this share (per cent) of the organization's payments stay within.
USUAL_SHARE = 98
# Fewer payments than this do not show what is usual.
MIN_PAYMENTS = 100
# When the books begin everyone is new.
KNOWN_DAYS = 180

# Payments of a cluster lie at most so many days apart, and so many of them within as many days make it one.
CLUSTER_DAYS = 14
CLUSTER_PAYMENTS = 3
# Just below a limit: within this many per cent of it.
BELOW_LIMIT = 2
# No one approves smaller amounts singly. In currencies without a minor unit a unit is worth about a cent.
LEAST_ROUND, LEAST_ROUND_WITHOUT_MINOR = 1_000, 100_000

_FIRST_PAYMENT = Found(
    subject_type="'payment'",
    subject_id="numbered.payment_id",
    occurred_on="numbered.payment_date",
    amount="numbered.amount",
    currency="numbered.currency",
    org_id="numbered.org_id",
    severity="case when numbered.base_amount >= 2 * usual.limit_amount then 'high' else 'medium' end",
    score="case when numbered.base_amount >= 2 * usual.limit_amount then 9e-1 else 7e-1 end",
)
NEW_COUNTERPARTY = f"""
with settled as (
    select payment_id, org_id, supplier_id, currency, amount, payment_date, base_amount, base_currency
    from {{gold}}.fact_payments
    where direction = 'out'
      and (status = 'succeeded' or (status = 'reversed' and reversed_on > date '{{day}}'))
      and payment_date <= date '{{day}}'
),
numbered as (
    select *,
           row_number() over (partition by org_id, supplier_id order by payment_date, payment_id) as place,
           min(payment_date) over (partition by org_id) as first_date
    from settled
),
ranked as (
    select org_id, base_amount,
           row_number() over (partition by org_id order by base_amount, payment_id) as place,
           count(*) over (partition by org_id) as payments
    from settled
    where base_amount is not null and payment_date > date '{{day}}' - interval '{{lookback}}' day
),
usual as (
    select org_id, max(payments) as payments,
           min(base_amount) filter (where place * 100 >= payments * {USUAL_SHARE}) as limit_amount
    from ranked
    group by org_id
    having max(payments) >= {MIN_PAYMENTS}
)
{
    _FIRST_PAYMENT.select(
        "suppliers.name as party",
        "numbered.base_amount",
        "numbered.base_currency",
        "usual.limit_amount",
        "usual.payments",
    )
}
from numbered
inner join usual on usual.org_id = numbered.org_id
left join {{silver}}.stg_app_db__suppliers as suppliers on suppliers.supplier_id = numbered.supplier_id
where numbered.place = 1
  and numbered.base_amount > usual.limit_amount
  and numbered.payment_date > date '{{day}}' - interval '{{lookback}}' day
  and numbered.payment_date >= numbered.first_date + interval '{KNOWN_DAYS}' day
"""


def _clusters(condition: str, round_limit: str, few: str, many: str) -> str:
    """Runs of payments of one counterparty that meet ``condition``. A cluster is known by its first payment, so it
    keeps its id as it grows; therefore all payments are read, and old clusters are left out at the end."""
    found = Found(
        subject_type="'payment'",
        subject_id="payment_ids[1]",
        occurred_on="last_date",
        org_id="clusters.org_id",
        severity=f"case when payments >= {2 * CLUSTER_PAYMENTS} then '{many}' else '{few}' end",
        score=f"case when payments >= {2 * CLUSTER_PAYMENTS} then 9e-1 else 8e-1 end",
    )
    same = "partition by org_id, direction, party_id, currency, round_limit"
    return f"""
with settled as ({SETTLED_PAYMENTS}),
parties as ({PARTIES}),
sized as (
    select settled.*,
           cast(rpad('1', length(cast(cast(floor(amount) as bigint) as varchar)) + 1, '0') as decimal(19, 0))
               as next_power,
           if(currencies.minor_unit = 0, {LEAST_ROUND_WITHOUT_MINOR}, {LEAST_ROUND}) as least_round
    from settled
    left join {{silver}}.stg_app_db__currencies as currencies on currencies.currency_code = settled.currency
),
limits as (
    select *,
           if(amount < next_power / 2, cast(next_power / 2 as decimal(19, 0)), next_power) as next_limit
    from sized
),
suspects as (
    select payment_id, org_id, direction, party_id, currency, amount, payment_date,
           cast({round_limit} as decimal(19, 0)) as round_limit,
           date_diff('day', date '1970-01-01', payment_date) as day_number
    from limits
    where {condition}
),
neighbours as (
    select *,
           count(*) over (
               {same} order by day_number range between bigint '{CLUSTER_DAYS - 1}' preceding and current row
           ) as near_payments,
           day_number - lag(day_number) over ({same} order by day_number, payment_id) as gap_days
    from suspects
),
numbered as (
    select *,
           count_if(coalesce(gap_days, 0) >= {CLUSTER_DAYS}) over (
               {same} order by day_number, payment_id rows between unbounded preceding and current row
           ) as cluster_number
    from neighbours
),
clusters as (
    select org_id, direction, party_id, currency, round_limit, cluster_number,
           array_agg(payment_id order by payment_date, payment_id) as payment_ids,
           count(*) as payments, sum(amount) as amount,
           min(amount) as least_amount, max(amount) as largest_amount,
           min(payment_date) as first_date, max(payment_date) as last_date
    from numbered
    group by org_id, direction, party_id, currency, round_limit, cluster_number
    having max(near_payments) >= {CLUSTER_PAYMENTS}
)
{
        found.select(
            "direction",
            "parties.name as party",
            "round_limit",
            "payments",
            "least_amount",
            "largest_amount",
            "first_date",
            "slice(payment_ids, 1, 20) as payment_ids",
        )
    }
from clusters
left join parties on parties.party_id = clusters.party_id
where last_date > date '{{day}}' - interval '{{lookback}}' day
"""


BELOW_LIMIT_CLUSTER = _clusters(
    f"next_limit >= least_round and amount * 100 >= next_limit * {100 - BELOW_LIMIT}", "next_limit", "medium", "high"
)
# Round: one digit, then zeros.
ROUND_CLUSTER = _clusters("amount >= least_round and mod(amount * 10, next_power) = 0", "least_round", "low", "medium")


def _new_counterparty(row: dict[str, Any]) -> str:
    return (
        f"first payment to {row['party'] or 'an unknown supplier'}, and with "
        f"{money(row['base_amount'], row['base_currency'])} above what {USUAL_SHARE} % of the organization's "
        f"{row['payments']} payments of the year stay within ({money(row['limit_amount'], row['base_currency'])})"
    )


def _below_limit(row: dict[str, Any]) -> str:
    return (
        f"{_together(row)}, each at most {BELOW_LIMIT} % below {money(row['round_limit'], row['currency'])} "
        f"({money(row['least_amount'], row['currency'])} to {money(row['largest_amount'], row['currency'])}): "
        "together above a limit that none of them reaches"
    )


def _round_amounts(row: dict[str, Any]) -> str:
    return (
        f"{_together(row)}, each of a round amount ({money(row['least_amount'], row['currency'])} to "
        f"{money(row['largest_amount'], row['currency'])})"
    )


def _together(row: dict[str, Any]) -> str:
    way = "from" if row["direction"] == "in" else "to"
    return (
        f"{row['payments']} payments {way} {row['party'] or 'unknown'} between {row['first_date']} and "
        f"{row['occurred_on']}"
    )


RULES = (
    Rule("new_counterparty", NEW_COUNTERPARTY, _new_counterparty),
    Rule("below_limit_cluster", BELOW_LIMIT_CLUSTER, _below_limit),
    Rule("round_amount_cluster", ROUND_CLUSTER, _round_amounts),
)
