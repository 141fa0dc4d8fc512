from datetime import date
from decimal import Decimal

import pyarrow as pa

from tieout.generate.bank_rules import bank_rule_rows
from tieout.generate.life import Life
from tieout.generate.moments import day_number, end_of
from tieout.generate.plan import Plan

START, END = date(2025, 6, 12), date(2026, 3, 31)
PLAN = Plan.of(40_000, 7, START, END)


def rules(until: date) -> pa.Table:
    life = Life(PLAN, end_of(day_number(until)))
    rows = bank_rule_rows(PLAN, life.organizations, life.suppliers)
    return rows.as_of(rows.present(life.until), life.until)


def test_rules_are_the_same_whenever_they_are_looked_at() -> None:
    assert rules(START) == rules(END)


def test_an_organization_has_a_name_once() -> None:
    named = [(rule["org_id"], rule["name"]) for rule in rules(END).to_pylist()]
    assert len(set(named)) == len(named)
    assert len({org for org, _ in named if org}) > 1


def test_large_payments_begin_at_an_amount_of_each_own_currency() -> None:
    least = {r["currency"]: r["amount_from"] for r in rules(END).to_pylist() if r["amount_from"] is not None}
    # 50,000 dollars' worth: × 0.92, 0.79, 150, 0.307 and 0.88
    assert least == {
        "USD": Decimal("50000"),
        "EUR": Decimal("46000"),
        "GBP": Decimal("39500"),
        "JPY": Decimal("7500000"),
        "KWD": Decimal("15350"),
        "CHF": Decimal("44000"),
    }
