"""The rules' queries are whole, and their alerts say what is wrong."""

from datetime import date
from decimal import Decimal

import pytest

from tieout.ml.anomalies import RULES
from tieout.ml.ledger_rules import _EXPECTED
from tieout.ml.rules import alerts_of, statement
from tieout.ml.tables import ALERTS

DAY = date(2026, 11, 20)
COMMON = {
    "org_id": "org",
    "subject_type": "payment",
    "subject_id": "p-1",
    "occurred_on": DAY,
    "amount": Decimal("14900.0000"),
    "currency": "EUR",
    "severity": "medium",
    "score": 0.8,
}
CLUSTER = {
    "direction": "out",
    "party": "Acme",
    "payments": 3,
    "least_amount": Decimal("4950.0000"),
    "largest_amount": Decimal("4990.0000"),
    "first_date": date(2026, 11, 10),
    "payment_ids": ["p-1", "p-2", "p-3"],
}
REASONS = {
    "new_counterparty": (
        {
            "party": "Acme",
            "base_amount": Decimal("17000.0000"),
            "base_currency": "USD",
            "limit_amount": Decimal("12000.5000"),
            "payments": 400,
        },
        "first payment to Acme, and with 17,000.00 USD above what 98 % of the organization's 400 payments of the year "
        "stay within (12,000.50 USD)",
    ),
    "below_limit_cluster": (
        CLUSTER | {"round_limit": Decimal(5000)},
        "3 payments to Acme between 2026-11-10 and 2026-11-20, each at most 2 % below 5,000.00 EUR "
        "(4,950.00 EUR to 4,990.00 EUR): together above a limit that none of them reaches",
    ),
    "round_amount_cluster": (
        CLUSTER | {"direction": "in", "round_limit": Decimal(1000), "party": None},
        "3 payments from unknown between 2026-11-10 and 2026-11-20, each of a round amount "
        "(4,950.00 EUR to 4,990.00 EUR)",
    ),
    "outside_period": (
        {"posted_on": date(2027, 2, 1), "days_apart": 73, "lines": 3},
        "posted outside the period: a journal entered on 2027-02-01 is dated 2026-11-20, 73 days before "
        "(more than 35 days back)",
    ),
    "benford_deviation": (
        {
            "account_code": "6200",
            "account": "Travel",
            "lines": 2000,
            "digit_counts": [500, 300, 200, 100, 100, 100, 100, 100, 500],
            "draws": 900,
            "deviation": Decimal("0.0452000000"),
            "limit_deviation": Decimal("0.0228333333"),
        },
        "first digits of account 6200 (Travel) do not follow Benford's law: 25.0 % of 2000 lines begin with 9, 4.6 % "
        "would; the mean deviation is 0.0452, the limit for 900 counterparties and other amounts 0.0228",
    ),
    "overdue_receivable": (
        {"party": "Acme", "invoices": 3, "disputed_invoices": 1, "days_overdue": 95},
        "Acme owes 14,900.00 EUR on 3 overdue invoice(s), 1 of them disputed, the oldest for 95 days",
    ),
    "low_balance": (
        {
            "organization": "Acme B.V.",
            "minimum_cash_balance": Decimal("50000.0000"),
            "lowest_balance": Decimal("35100.0000"),
            "lowest_date": date(2026, 11, 27),
            "currencies_left_out": 1,
        },
        "cash of Acme B.V. is expected to fall below its minimum of 50,000.00 EUR on 2026-11-20, to 35,100.00 EUR on "
        "2026-11-27; without 1 currency(ies) that have no forecast or no rate",
    ),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_a_query_is_whole(rule):
    sql = statement(rule, DAY)
    assert "{" not in sql.replace("\\p{L}", "") and "date '2026-11-20'" in sql
    depth = 0
    for character in sql:
        depth += {"(": 1, ")": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    for name in COMMON:
        assert name in sql


def test_every_kind_is_described_and_stands_once():
    kinds = [rule.kind for rule in RULES]
    assert len(set(kinds)) == len(kinds)
    described = next(column.doc for column in ALERTS.columns if column.name == "kind")
    assert all(kind in described for kind in kinds)


@pytest.mark.parametrize("kind", REASONS)
def test_a_rule_says_what_is_wrong(kind):
    row, reason = REASONS[kind]
    (alert,) = alerts_of(next(rule for rule in RULES if rule.kind == kind), [COMMON | row])
    assert alert.reason == reason
    assert alert.evidence.keys() == row.keys()
    alert.row(DAY, "new")


def test_a_journal_of_a_month_to_come_says_so():
    row = {"posted_on": date(2026, 9, 30), "days_apart": 51, "lines": 2}
    (alert,) = alerts_of(next(rule for rule in RULES if rule.kind == "outside_period"), [COMMON | row])
    assert alert.reason.endswith("is dated 2026-11-20, 51 days ahead (in a month to come)")


def test_the_law_is_whole():
    assert sum(map(Decimal, _EXPECTED)) == Decimal(100)
