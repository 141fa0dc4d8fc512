"""Rules on what is due: receivables past their day, and cash that is expected to fall below what is to be held.

They read what the same run has made: fact_ar_aging as of the day, and the day's cash flow forecast.
"""

from __future__ import annotations

from typing import Any

from tieout.ml.alerts import money
from tieout.ml.rules import Found, Rule

# The aging buckets' bounds: a receivable in the second is slow, beyond the last it is in doubt.
SLOW_DAYS, DOUBTFUL_DAYS = 30, 90
# Cash that falls short so soon has to be found now, or soon.
SHORT_NOW_DAYS, SHORT_SOON_DAYS = 14, 45
# As fx_max_age_days in dbt_project.yml: an older rate is not passed off as today's.
RATE_DAYS = 31

_OWED = Found(
    subject_type="'customer'",
    subject_id="concat(overdue.customer_id, '/', overdue.currency)",
    occurred_on="overdue.oldest_due_date",
    amount="overdue.amount",
    currency="overdue.currency",
    org_id="overdue.org_id",
    severity=f"case when days_overdue > {DOUBTFUL_DAYS} then 'high' when days_overdue > {SLOW_DAYS} then 'medium' "
    "else 'low' end",
    score="1e0",
)
OVERDUE_RECEIVABLE = f"""
with overdue as (
    select org_id, customer_id, currency,
           sum(remaining_amount) as amount,
           count(*) as invoices, count_if(is_disputed) as disputed_invoices, min(due_date) as oldest_due_date,
           max(days_overdue) as days_overdue
    from {{gold}}.fact_ar_aging
    where as_of_date = date '{{day}}' and is_overdue
    group by org_id, customer_id, currency
)
{_OWED.select("customers.name as party", "invoices", "disputed_invoices", "days_overdue")}
from overdue
left join {{silver}}.stg_app_db__customers as customers on customers.customer_id = overdue.customer_id
order by overdue.amount desc
"""

_SHORT = Found(
    subject_type="'organization'",
    subject_id="org_id",
    occurred_on="first_date",
    amount="minimum_cash_balance - lowest_balance",
    currency="base_currency",
    severity=f"case when first_date <= date '{{day}}' + interval '{SHORT_NOW_DAYS}' day then 'high' "
    f"when first_date <= date '{{day}}' + interval '{SHORT_SOON_DAYS}' day then 'medium' else 'low' end",
    score="if(is_sure, 9e-1, 6e-1)",
)
LOW_BALANCE = f"""
with organizations as (
    select org_id, name, base_currency, minimum_cash_balance
    from {{silver}}.stg_app_db__organizations
    where is_deleted = false and minimum_cash_balance is not null
),
rates as (
    select org_id, from_currency, to_currency, max_by(rate, row(rate_date, updated_at)) as rate
    from {{silver}}.stg_app_db__fx_rates
    where is_deleted = false
      and rate_type = 'spot'
      and rate_date <= date '{{day}}'
      and rate_date >= date '{{day}}' - interval '{RATE_DAYS}' day
    group by org_id, from_currency, to_currency
),
forecast as (
    select org_id, currency, status, forecast_date, closing_balance, closing_balance_upper_80
    from {{gold}}.fact_cashflow_forecast
    where run_date = date '{{day}}'
),
held as (
    select org_id, count(distinct currency) as currencies
    from forecast
    group by org_id
),
converted as (
    select organizations.org_id, organizations.name, organizations.base_currency,
           organizations.minimum_cash_balance, forecast.forecast_date, held.currencies,
           cast(forecast.closing_balance as decimal(26, 4)) as closing_balance,
           cast(forecast.closing_balance_upper_80 as decimal(26, 4)) as upper_balance,
           if(forecast.currency = organizations.base_currency, cast(1 as decimal(20, 10)), rates.rate) as rate
    from forecast
    inner join held on held.org_id = forecast.org_id
    inner join organizations on organizations.org_id = forecast.org_id
    left join rates
        on rates.org_id = forecast.org_id
        and rates.from_currency = forecast.currency
        and rates.to_currency = organizations.base_currency
    where forecast.status = 'forecast'
),
days as (
    select org_id, name, base_currency, minimum_cash_balance, forecast_date,
           max(currencies) - count(rate) as currencies_left_out,
           sum(cast(closing_balance * rate as decimal(38, 4))) as balance,
           sum(cast(upper_balance * rate as decimal(38, 4))) as upper_balance
    from converted
    group by org_id, name, base_currency, minimum_cash_balance, forecast_date
),
short as (
    select org_id, name, base_currency, minimum_cash_balance, max(currencies_left_out) as currencies_left_out,
           min(forecast_date) as first_date, min(balance) as lowest_balance,
           min_by(forecast_date, row(balance, forecast_date)) as lowest_date,
           bool_or(upper_balance < minimum_cash_balance) as is_sure
    from days
    where balance < minimum_cash_balance
    group by org_id, name, base_currency, minimum_cash_balance
)
{_SHORT.select("name as organization", "minimum_cash_balance", "lowest_balance", "lowest_date", "currencies_left_out")}
from short
"""


def _overdue_receivable(row: dict[str, Any]) -> str:
    disputed = f", {row['disputed_invoices']} of them disputed" if row["disputed_invoices"] else ""
    return (
        f"{row['party'] or 'unknown'} owes {money(row['amount'], row['currency'])} on {row['invoices']} overdue "
        f"invoice(s){disputed}, the oldest for {row['days_overdue']} days"
    )


def _low_balance(row: dict[str, Any]) -> str:
    left_out = row["currencies_left_out"]
    without = f"; without {left_out} currency(ies) that have no forecast or no rate" if left_out else ""
    return (
        f"cash of {row['organization']} is expected to fall below its minimum of "
        f"{money(row['minimum_cash_balance'], row['currency'])} on {row['occurred_on']}, to "
        f"{money(row['lowest_balance'], row['currency'])} on {row['lowest_date']}{without}"
    )


RULES = (
    Rule("overdue_receivable", OVERDUE_RECEIVABLE, _overdue_receivable),
    Rule("low_balance", LOW_BALANCE, _low_balance),
)
