"""Alerts keep their id and say what they rest on."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tieout.ml.alerts import Alert, money
from tieout.ml.rules import RULES, alerts_of
from tieout.ml.tables import ALERTS

DAY = date(2026, 11, 20)
ALERT = Alert(
    kind="duplicate_bill",
    severity="high",
    org_id="org",
    subject_type="ap_bill",
    subject_id="b-2",
    occurred_on=DAY,
    amount=Decimal("1234.5000"),
    currency="USD",
    score=1.0,
    reason="billed twice",
    evidence={"amount": Decimal("0.1000"), "on": DAY, "count": 2, "party": None},
    model="rule",
    model_version="1",
)
COMMON = {
    "org_id": "org",
    "occurred_on": DAY,
    "amount": Decimal("1200.0000"),
    "currency": "USD",
    "severity": "high",
    "score": 1.0,
}


def test_the_id_is_of_kind_and_subject_alone():
    assert replace(ALERT, score=0.5, reason="other", amount=Decimal("1"), model_version="2").alert_id == ALERT.alert_id
    assert replace(ALERT, subject_id="b-3").alert_id != ALERT.alert_id
    assert replace(ALERT, kind="over_allocation").alert_id != ALERT.alert_id
    # an id that changes would raise every dismissed alert anew
    assert ALERT.alert_id == "b2d6aa1aaee6c3dda29b1f1db586d6c5"


def test_a_row_has_the_tables_columns_and_exact_evidence():
    row = ALERT.row(DAY, "new")
    assert set(row) == {column.name for column in ALERTS.columns}
    assert json.loads(row["evidence"]) == {"amount": "0.1000", "on": "2026-11-20", "count": 2, "party": None}


def test_evidence_without_an_exact_text_is_refused():
    with pytest.raises(TypeError, match="evidence holds a bytes"):
        replace(ALERT, evidence={"raw": b"1"}).row(DAY, "new")


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1234567.5000", "1,234,567.50 USD"),
        ("3.1250", "3.125 USD"),
        ("100.0000", "100.00 USD"),
        ("0.0001", "0.0001 USD"),
    ],
)
def test_money_in_a_sentence(amount, text):
    assert money(Decimal(amount), "USD") == text


@pytest.mark.parametrize(
    ("kind", "row", "reason"),
    [
        (
            "duplicate_payment",
            {
                "subject_type": "payment",
                "subject_id": "p-2",
                "direction": "out",
                "party": "Acme",
                "earlier_payment_id": "p-1",
                "earlier_payment_date": date(2026, 11, 18),
                "same_document": True,
            },
            "paid twice: same supplier (Acme) and amount 1,200.00 USD as payment p-1 of 2026-11-18; "
            "both are allocated to the same bill",
        ),
        (
            "duplicate_bill",
            {
                "subject_type": "ap_bill",
                "subject_id": "b-2",
                "party": None,
                "bill_number": "INV 7",
                "earlier_bill_id": "b-1",
                "earlier_bill_number": "INV-007",
                "earlier_bill_date": date(2026, 11, 18),
                "same_number": True,
            },
            "billed twice: same supplier (unknown), amount 1,200.00 USD and number but for its spelling as bill "
            "INV-007 of 2026-11-18",
        ),
        (
            "over_allocation",
            {
                "subject_type": "ar_invoice",
                "subject_id": "i-1",
                "document_number": "A-1",
                "total_amount": Decimal("1000.0000"),
                "settled_amount": Decimal("2200.0000"),
                "settlements": 2,
            },
            "settled above its amount: invoice A-1 is for 1,000.00 USD, its payments and credit notes (2) come to "
            "2,200.00 USD",
        ),
    ],
)
def test_a_rule_says_what_is_wrong(kind, row, reason):
    rule = next(rule for rule in RULES if rule.kind == kind)
    (alert,) = alerts_of(rule, [COMMON | row])
    assert alert.reason == reason
    assert alert.evidence.keys() == row.keys() - {"subject_type", "subject_id"}
    alert.row(DAY, "new")
