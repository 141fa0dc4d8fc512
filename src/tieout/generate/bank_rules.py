"""The rules that sort the company's bank transactions: those any company would start with, and some of its own.

Own rules name suppliers that are there from the start, so that a landlord or a staffing agency is told from other
suppliers. Deliberately absent: rules for everything. Money that no rule knows is part of what a treasurer sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tieout.generate.columns import choice, flags, money, same
from tieout.generate.draws import Draws
from tieout.generate.ids import uuids
from tieout.generate.moments import DAY, HOUR, month_of
from tieout.generate.organizations import Organizations
from tieout.generate.parties import Parties
from tieout.generate.plan import Plan
from tieout.generate.rows import Rows
from tieout.generate.world import CODES, CURRENCIES, DIGITS, ORGANIZATIONS


@dataclass(frozen=True)
class Rule:
    """A row of bank_category_rules; org is a position in ORGANIZATIONS, None for all.

    amount_from is in minor units of currency, a position in CURRENCIES.
    """

    priority: int
    name: str
    section: str
    category: str
    direction: str | None = None
    payment_link: str | None = None
    counterparty: str | None = None
    description: str | None = None
    currency: int | None = None
    amount_from: int | None = None
    org: int | None = None


_COMMON = (
    Rule(100, "To the reserve", "transfers", "reserve_funding", "out", counterparty="reserve account"),
    Rule(110, "From operating", "transfers", "reserve_funding", "in", counterparty="operating account"),
    Rule(200, "Stripe payouts", "operating", "card_payouts", "in", "none", counterparty="Stripe"),
    Rule(300, "Salaries", "payroll", "salaries", "out", "none", description="salary"),
    Rule(310, "Taxes", "tax", "tax_payments", "out", "none", description="tax"),
    Rule(320, "Bank fees", "operating", "bank_fees", "out", "none", description="account fee"),
    Rule(330, "Loans", "financing", "loans", payment_link="none", description="loan"),
    Rule(340, "Interest", "financing", "interest", payment_link="none", description="interest"),
    Rule(800, "Customer receipts", "operating", "customer_receipts", "in", "customer_payment"),
    Rule(810, "Returned receipts", "operating", "returned_receipts", "out", "customer_payment"),
    Rule(900, "Supplier payments", "operating", "supplier_payments", "out", "supplier_payment"),
)
# Behind all others, so that their ids stay as they are.
_EXCHANGE = Rule(120, "Currency exchange", "transfers", "currency_exchange", description="currency exchange")
# What an organization's first suppliers are paid for, by section and category.
_KNOWN_SUPPLIERS = (
    ("operating", "rent"),
    ("payroll", "staffing"),
    ("tax", "tax_prepayments"),
    ("financing", "equipment_leases"),
)
# From so many US cents on, in an organization's own currency, a payment to a supplier is told apart.
_LARGE = 5_000_000


def bank_rule_rows(plan: Plan, organizations: Organizations, suppliers: Parties) -> Rows:
    rules = [*_COMMON, *_large(), *_known(plan, suppliers), _EXCHANGE]
    created = np.full(len(rules), plan.start * DAY + 4 * HOUR)
    ids = uuids(Draws(plan.seed, np.arange(len(rules), dtype=np.int64)), "bank_rule", created)

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        some = [rules[position] for position in at.tolist()]
        org = np.array([-1 if r.org is None else r.org for r in some], np.int64)
        currency = np.array([-1 if r.currency is None else r.currency for r in some], np.int64)
        least = np.array([-1 if r.amount_from is None else r.amount_from for r in some], np.int64)
        return {
            "id": choice(ids, at),
            "org_id": choice(organizations.id, org, org >= 0),
            "name": pa.array([r.name for r in some], pa.string()),
            "priority": pa.array([r.priority for r in some], pa.int32()),
            "direction": pa.array([r.direction for r in some], pa.string()),
            "payment_link": pa.array([r.payment_link for r in some], pa.string()),
            "counterparty_contains": pa.array([r.counterparty for r in some], pa.string()),
            "description_contains": pa.array([r.description for r in some], pa.string()),
            "currency": choice(CODES, currency, currency >= 0),
            "amount_from": pa.compute.if_else(
                flags(least >= 0), money(np.maximum(least, 0), DIGITS[currency]), pa.scalar(None, pa.decimal128(19, 4))
            ),
            "amount_to": same(None, len(some)),
            "section": pa.array([r.section for r in some], pa.string()),
            "category": pa.array([r.category for r in some], pa.string()),
            "is_active": flags(np.ones(len(some), bool)),
        }

    return Rows("bank_category_rules", build, created)


def _large() -> list[Rule]:
    """Large payments to suppliers, per currency that is some organization's own."""
    rules = []
    for currency in dict.fromkeys(o.base for o in ORGANIZATIONS):
        over, under = CURRENCIES[currency].minor_per_cent
        rules.append(
            Rule(
                850,
                f"Large supplier payments in {CODES[currency]}",
                "operating",
                "large_supplier_payments",
                "out",
                "supplier_payment",
                currency=currency,
                amount_from=_LARGE * over // under,
            )
        )
    return rules


def _known(plan: Plan, suppliers: Parties) -> list[Rule]:
    """A rule for each of an organization's first suppliers; a small organization may have fewer of them."""
    from_the_start = plan.parties("ap", month_of(plan.start))
    names = suppliers.name.to_pylist()
    rules = []
    for org in range(len(ORGANIZATIONS)):
        first = np.flatnonzero(suppliers.org[:from_the_start] == org)
        known = dict.fromkeys(names[position] for position in first.tolist())
        for name, (section, category) in zip(known, _KNOWN_SUPPLIERS, strict=False):
            rules.append(
                Rule(400, f"Supplier {name}", section, category, None, "supplier_payment", counterparty=name, org=org)
            )
    return rules
