"""Anomalies that need no model: each rule is one query on Silver or the Gold candidate whose rows are alerts.

Every query closes with the same columns, which Found names once; all further columns are evidence, and `reason` is
filled from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from tieout.ml import lake
from tieout.ml.alerts import LARGEST, Alert, money

RULES_VERSION = "2"

# What happened longer ago has been looked at or written off; a rule reads this many days back from the batch day.
LOOKBACK_DAYS = 365
# Two payments of one amount a week apart are a rhythm, nearer ones are more often a mistake.
SAME_PAYMENT_DAYS = 6


@dataclass(frozen=True)
class Found:
    """The columns that every rule's query closes with, as SQL expressions.

    A sum that does not fit an amount's column is told as the largest that does (alerts.LARGEST).
    """

    subject_type: str
    subject_id: str
    occurred_on: str
    severity: str
    score: str
    amount: str = "amount"
    currency: str = "currency"
    org_id: str = "org_id"

    def select(self, *evidence: str) -> str:
        """The closing select, without its from: the common columns, then those of ``evidence``."""
        capped = f"least({self.amount}, decimal '{LARGEST}')"
        columns = {
            "org_id": self.org_id,
            "subject_type": self.subject_type,
            "subject_id": self.subject_id,
            "occurred_on": self.occurred_on,
            "amount": f"cast({capped} as decimal(19, 4))",
            "currency": self.currency,
            "severity": self.severity,
            "score": self.score,
        }
        named = [f"{expression} as {name}" for name, expression in columns.items()]
        return "select " + ",\n       ".join([*named, *evidence])


COMMON = tuple(field.name for field in fields(Found))

# Money that had really moved by the day: a payment reversed later still counted then.
SETTLED_PAYMENTS = """
    select payment_id, org_id, direction, coalesce(customer_id, supplier_id) as party_id, currency, amount,
           payment_date, processor_reference
    from {silver}.stg_app_db__payments
    where is_deleted = false
      and (status = 'succeeded' or (status = 'reversed' and reversed_on > date '{day}'))
      and payment_date <= date '{day}'
"""

PARTIES = """
    select customer_id as party_id, name from {silver}.stg_app_db__customers
    union all
    select supplier_id, name from {silver}.stg_app_db__suppliers
"""

_SAME_PAYMENT = Found(
    subject_type="'payment'",
    subject_id="pairs.payment_id",
    occurred_on="pairs.payment_date",
    amount="pairs.amount",
    currency="pairs.currency",
    org_id="pairs.org_id",
    severity="case when same_document or pairs.payment_date = earlier_payment_date then 'high' else 'medium' end",
    score="case when same_document then 1e0 when pairs.payment_date = earlier_payment_date then 9e-1 else 8e-1 end",
)
# Not a duplicate: two equal payments that each settle a document of their own.
DUPLICATE_PAYMENT = f"""
with settled as ({SETTLED_PAYMENTS}),
recent as (
    select * from settled where payment_date > date '{{day}}' - interval '{{lookback}}' day
),
parties as ({PARTIES}),
settles as (
    select payment_id, array_agg(distinct coalesce(invoice_id, bill_id)) as documents
    from {{silver}}.stg_app_db__payment_allocations
    where is_deleted = false and allocated_on <= date '{{day}}'
    group by payment_id
),
pairs as (
    select later.org_id, later.payment_id, later.payment_date, later.amount, later.currency, later.direction,
           later.party_id, earlier.payment_id as earlier_payment_id, earlier.payment_date as earlier_payment_date,
           coalesce(arrays_overlap(later_settles.documents, earlier_settles.documents), false) as same_document,
           row_number() over (
               partition by later.payment_id order by earlier.payment_date desc, earlier.payment_id desc
           ) as nearness
    from recent as later
    inner join recent as earlier
        on later.org_id = earlier.org_id
        and later.direction = earlier.direction
        and later.party_id = earlier.party_id
        and later.currency = earlier.currency
        and later.amount = earlier.amount
        and later.payment_date <= earlier.payment_date + interval '{{same_payment_days}}' day
        and row(earlier.payment_date, earlier.payment_id) < row(later.payment_date, later.payment_id)
    left join settles as later_settles on later_settles.payment_id = later.payment_id
    left join settles as earlier_settles on earlier_settles.payment_id = earlier.payment_id
    where later_settles.documents is null
       or earlier_settles.documents is null
       or arrays_overlap(later_settles.documents, earlier_settles.documents)
)
{
    _SAME_PAYMENT.select(
        "pairs.direction", "parties.name as party", "earlier_payment_id", "earlier_payment_date", "same_document"
    )
}
from pairs
left join parties on parties.party_id = pairs.party_id
where nearness = 1
"""

_SAME_BILL = Found(
    subject_type="'ap_bill'",
    subject_id="pairs.bill_id",
    occurred_on="pairs.bill_date",
    amount="pairs.total_amount",
    currency="pairs.currency",
    org_id="pairs.org_id",
    severity="case when same_number then 'high' else 'medium' end",
    score="case when same_number and pairs.bill_date = earlier_bill_date then 1e0 when same_number then 95e-2 "
    "else 8e-1 end",
)
# A supplier's number is unique as written, so a bill entered twice comes with its number written otherwise.
DUPLICATE_BILL = f"""
with bills as (
    select bill_id, org_id, supplier_id, bill_number, bill_date, currency, total_amount,
           regexp_replace(
               regexp_replace(upper(bill_number), '[^\\p{{{{L}}}}0-9]'), '(?<![0-9])0+(?=[0-9])'
           ) as bare_number
    from {{silver}}.stg_app_db__ap_bills
    where is_deleted = false
      and (status <> 'void' or voided_on > date '{{day}}')
      and bill_date <= date '{{day}}'
      and bill_date > date '{{day}}' - interval '{{lookback}}' day
),
pairs as (
    select later.*, earlier.bill_id as earlier_bill_id, earlier.bill_number as earlier_bill_number,
           earlier.bill_date as earlier_bill_date, later.bare_number = earlier.bare_number as same_number,
           row_number() over (
               partition by later.bill_id
               order by later.bare_number = earlier.bare_number desc, earlier.bill_date desc, earlier.bill_id desc
           ) as nearness
    from bills as later
    inner join bills as earlier
        on later.org_id = earlier.org_id
        and later.supplier_id = earlier.supplier_id
        and later.currency = earlier.currency
        and later.total_amount = earlier.total_amount
        and row(earlier.bill_date, earlier.bill_id) < row(later.bill_date, later.bill_id)
    where later.bare_number = earlier.bare_number or later.bill_date = earlier.bill_date
)
{
    _SAME_BILL.select(
        "suppliers.name as party",
        "pairs.bill_number",
        "earlier_bill_id",
        "earlier_bill_number",
        "earlier_bill_date",
        "same_number",
    )
}
from pairs
left join {{silver}}.stg_app_db__suppliers as suppliers on suppliers.supplier_id = pairs.supplier_id
where nearness = 1 and pairs.total_amount > 0
"""

_EXCESS = "(sums.settled_amount - documents.total_amount)"
# Above one percent it is a mistake in the books, below it is more often rounding or a fee.
_SETTLED_ABOVE = Found(
    subject_type="documents.subject_type",
    subject_id="documents.subject_id",
    occurred_on="sums.occurred_on",
    amount=_EXCESS,
    currency="documents.currency",
    org_id="documents.org_id",
    severity=f"case when {_EXCESS} * 100 > documents.total_amount then 'high' else 'low' end",
    score="1e0",
)
OVER_ALLOCATION = f"""
with settled as ({SETTLED_PAYMENTS}),
settlements as (
    select allocations.invoice_id, allocations.bill_id, allocations.amount, allocations.allocated_on as settled_on
    from {{silver}}.stg_app_db__payment_allocations as allocations
    inner join settled on settled.payment_id = allocations.payment_id
    where allocations.is_deleted = false and allocations.allocated_on <= date '{{day}}'
    union all
    select invoice_id, bill_id, amount, issued_on
    from {{silver}}.stg_app_db__credit_notes
    where is_deleted = false and status = 'issued' and issued_on <= date '{{day}}'
),
documents as (
    select 'ar_invoice' as subject_type, invoice_id as subject_id, org_id, invoice_number as document_number, currency,
           total_amount
    from {{silver}}.stg_app_db__ar_invoices
    where is_deleted = false and (status <> 'void' or voided_on > date '{{day}}')
    union all
    select 'ap_bill', bill_id, org_id, bill_number, currency, total_amount
    from {{silver}}.stg_app_db__ap_bills
    where is_deleted = false and (status <> 'void' or voided_on > date '{{day}}')
),
sums as (
    select coalesce(invoice_id, bill_id) as subject_id, sum(amount) as settled_amount, max(settled_on) as occurred_on,
           count(*) as settlements
    from settlements
    group by coalesce(invoice_id, bill_id)
)
{
    _SETTLED_ABOVE.select(
        "documents.document_number", "documents.total_amount", "sums.settled_amount", "sums.settlements"
    )
}
from sums
inner join documents on documents.subject_id = sums.subject_id
where sums.settled_amount > documents.total_amount
  and sums.occurred_on > date '{{day}}' - interval '{{lookback}}' day
"""


@dataclass(frozen=True)
class Rule:
    """sql: a query as above, with {silver}, {gold}, {day} and {lookback} to fill in. reason: a row's, for a person."""

    kind: str
    sql: str
    reason: Callable[[dict[str, Any]], str]


def _duplicate_payment(row: dict[str, Any]) -> str:
    party, document = ("customer", "invoice") if row["direction"] == "in" else ("supplier", "bill")
    verb = "received" if row["direction"] == "in" else "paid"
    both = f"; both are allocated to the same {document}" if row["same_document"] else ""
    return (
        f"{verb} twice: same {party} ({row['party'] or 'unknown'}) and amount {money(row['amount'], row['currency'])} "
        f"as payment {row['earlier_payment_id']} of {row['earlier_payment_date']}{both}"
    )


def _duplicate_bill(row: dict[str, Any]) -> str:
    same = "number but for its spelling" if row["same_number"] else "date"
    return (
        f"billed twice: same supplier ({row['party'] or 'unknown'}), amount {money(row['amount'], row['currency'])} "
        f"and {same} as bill {row['earlier_bill_number']} of {row['earlier_bill_date']}"
    )


def _over_allocation(row: dict[str, Any]) -> str:
    document = "invoice" if row["subject_type"] == "ar_invoice" else "bill"
    return (
        f"settled above its amount: {document} {row['document_number']} is for "
        f"{money(row['total_amount'], row['currency'])}, its payments and credit notes ({row['settlements']}) come to "
        f"{money(row['settled_amount'], row['currency'])}"
    )


RULES = (
    Rule("duplicate_payment", DUPLICATE_PAYMENT, _duplicate_payment),
    Rule("duplicate_bill", DUPLICATE_BILL, _duplicate_bill),
    Rule("over_allocation", OVER_ALLOCATION, _over_allocation),
)


def statement(rule: Rule, day: date) -> str:
    """The rule's query as of ``day``."""
    return rule.sql.format(
        silver=lake.SILVER, gold=lake.GOLD, day=day, lookback=LOOKBACK_DAYS, same_payment_days=SAME_PAYMENT_DAYS
    )


def find(rule: Rule, day: date) -> list[Alert]:
    """What the rule finds as of ``day``."""
    return list(alerts_of(rule, lake.rows(statement(rule, day))))


def alerts_of(rule: Rule, found: Sequence[dict[str, Any]]) -> Iterator[Alert]:
    """The alerts of a query's rows, given by column name."""
    for row in found:
        yield Alert(
            kind=rule.kind,
            **{name: row[name] for name in COMMON},
            reason=rule.reason(row),
            evidence={name: value for name, value in row.items() if name not in COMMON},
            model="rule",
            model_version=RULES_VERSION,
        )
