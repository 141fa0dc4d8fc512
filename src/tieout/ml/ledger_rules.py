"""Rules on the general ledger: journals dated outside their period, and accounts whose digits do not look natural."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tieout.ml.rules import Found, Rule

# A journal dated longer ago than this belongs to a month whose books are closed.
BACKDATED_DAYS = 35
FAR_BACKDATED_DAYS = 90

# Below so many lines the digits' own chance is as large as the limit.
BENFORD_LINES = 1_000
# Nigrini, Benford's Law (2012), table 7.1: a mean absolute deviation of first digits above it is nonconformity.
BENFORD_LIMIT = Decimal("0.015")
# What chance alone makes of it: the mean of |share - p| is sqrt(2 p (1 - p) / (pi n)) for n independent amounts, on
# average over the digits 0.235 / sqrt(n). The amounts of one customer or supplier are alike, and one that is repeated
# is one amount: n counts each counterparty once, and of lines without a counterparty the distinct amounts.
BENFORD_CHANCE = Decimal("0.235")
# The law is of amounts that span orders of magnitude: at least so many must each hold a twentieth of the lines.
BENFORD_MAGNITUDES = 3

_JOURNAL = Found(
    subject_type="'journal'",
    subject_id="journal_id",
    occurred_on="entry_date",
    severity="case when entry_date > posted_on or "
    f"entry_date < posted_on - interval '{FAR_BACKDATED_DAYS}' day then 'high' else 'medium' end",
    score="case when entry_date > posted_on then 1e0 else 9e-1 end",
)
OUTSIDE_PERIOD = f"""
with lines as (
    select org_id, journal_id, currency, amount, entry_date, cast(created_at as date) as posted_on
    from {{silver}}.stg_app_db__gl_entries
    where is_deleted = false
      and cast(created_at as date) <= date '{{day}}'
      and cast(created_at as date) > date '{{day}}' - interval '{{lookback}}' day
),
outside as (
    select *
    from lines
    where entry_date < posted_on - interval '{BACKDATED_DAYS}' day or entry_date > last_day_of_month(posted_on)
),
journals as (
    select org_id, journal_id, currency, min(entry_date) as entry_date, max(posted_on) as posted_on,
           count(*) as lines,
           sum(if(amount > 0, amount, cast(0 as decimal(19, 4)))) as debit_amount,
           sum(if(amount < 0, -amount, cast(0 as decimal(19, 4)))) as credit_amount
    from outside
    group by org_id, journal_id, currency
),
ranked as (
    select *, greatest(debit_amount, credit_amount) as amount,
           row_number() over (
               partition by journal_id order by greatest(debit_amount, credit_amount) desc, currency, org_id
           ) as place
    from journals
)
{_JOURNAL.select("posted_on", "abs(date_diff('day', entry_date, posted_on)) as days_apart", "lines")}
from ranked
where place = 1
"""

_ACCOUNT = Found(
    subject_type="'gl_account'",
    subject_id="concat(measured.account_id, '/', measured.currency)",
    occurred_on="measured.occurred_on",
    amount="measured.amount",
    currency="measured.currency",
    org_id="measured.org_id",
    severity="case when deviation >= 2 * limit_deviation then 'medium' else 'low' end",
    score="deviation / (deviation + limit_deviation)",
)
# The deviation is a score and so DOUBLE; what it is counted from is not.
BENFORD = f"""
with documents as (
    select 'ar_invoice' as document_type, invoice_id as document_id, customer_id as party_id
    from {{silver}}.stg_app_db__ar_invoices
    union all
    select 'ap_bill', bill_id, supplier_id from {{silver}}.stg_app_db__ap_bills
    union all
    select 'payment', payment_id, coalesce(customer_id, supplier_id) from {{silver}}.stg_app_db__payments
),
lines as (
    select entries.org_id, entries.account_id, entries.currency, abs(entries.amount) as amount, entries.entry_date,
           documents.party_id,
           cast(regexp_extract(cast(abs(entries.amount) as varchar), '[1-9]') as bigint) as digit,
           length(cast(cast(floor(abs(entries.amount)) as bigint) as varchar)) as magnitude
    from {{silver}}.stg_app_db__gl_entries as entries
    left join documents
           on documents.document_type = entries.document_type and documents.document_id = entries.document_id
    where entries.is_deleted = false
      and entries.amount <> 0
      and entries.entry_date <= date '{{day}}'
      and entries.entry_date > date '{{day}}' - interval '{{lookback}}' day
),
accounts as (
    select org_id, account_id, currency, count(*) as lines,
           count(distinct party_id) + count(distinct if(party_id is null, amount)) as draws,
           max(entry_date) as occurred_on, sum(amount) as amount,
           histogram(digit) as digits, histogram(magnitude) as magnitudes
    from lines
    group by org_id, account_id, currency
    having count(*) >= {BENFORD_LINES}
),
measured as (
    select *, {float(BENFORD_LIMIT):e} + {float(BENFORD_CHANCE):e} / sqrt(draws) as limit_deviation,
           reduce(
               sequence(1, 9),
               0e0,
               (total, d) -> total + abs(coalesce(element_at(digits, d), 0) * 1e0 / lines - log10(1 + 1e0 / d)),
               total -> total / 9
           ) as deviation
    from accounts
    where cardinality(filter(map_values(magnitudes), held -> held * 20 >= lines)) >= {BENFORD_MAGNITUDES}
)
{
    _ACCOUNT.select(
        "gl_accounts.account_code",
        "gl_accounts.name as account",
        "measured.lines",
        "measured.draws",
        "transform(sequence(1, 9), d -> coalesce(element_at(digits, d), 0)) as digit_counts",
        "cast(deviation as decimal(38, 10)) as deviation",
        "cast(limit_deviation as decimal(38, 10)) as limit_deviation",
    )
}
from measured
left join {{silver}}.stg_app_db__gl_accounts as gl_accounts on gl_accounts.account_id = measured.account_id
where deviation > limit_deviation
"""

# What Benford's law expects of the first digits 1 to 9, in per cent (Benford 1938).
_EXPECTED = ("30.1", "17.6", "12.5", "9.7", "7.9", "6.7", "5.8", "5.1", "4.6")


def _outside_period(row: dict[str, Any]) -> str:
    ahead = row["occurred_on"] > row["posted_on"]
    where = "in a month to come" if ahead else f"more than {BACKDATED_DAYS} days back"
    return (
        f"posted outside the period: a journal entered on {row['posted_on']} is dated {row['occurred_on']}, "
        f"{row['days_apart']} days {'ahead' if ahead else 'before'} ({where})"
    )


def _benford(row: dict[str, Any]) -> str:
    shares = [Decimal(100 * count) / row["lines"] for count in row["digit_counts"]]
    digit = max(range(9), key=lambda i: shares[i] - Decimal(_EXPECTED[i]))
    return (
        f"first digits of account {row['account_code']} ({row['account']}) do not follow Benford's law: "
        f"{shares[digit]:.1f} % of {row['lines']} lines begin with {digit + 1}, {_EXPECTED[digit]} % would; "
        f"the mean deviation is {row['deviation']:.4f}, the limit for {row['draws']} counterparties and other amounts "
        f"{row['limit_deviation']:.4f}"
    )


RULES = (
    Rule("outside_period", OUTSIDE_PERIOD, _outside_period),
    Rule("benford_deviation", BENFORD, _benford),
)
