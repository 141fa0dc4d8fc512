"""The isolation forest on payments made by hand: what is planted is found, what is ordinary is left alone."""

import random
from datetime import date, timedelta
from decimal import Decimal

from tieout.ml.isolation import MIN_PAYMENTS, find_unusual

DAY = date(2026, 11, 20)


def payment(number: int, amount: str, **other) -> dict:
    return {
        "org_id": "org",
        "payment_id": f"p-{number:04}",
        "payment_date": DAY - timedelta(days=number % 300),
        "amount": Decimal(amount),
        "currency": "USD",
        "direction": "out",
        "party": "Acme",
        "party_payments": 24,
        "party_median": Decimal("1000.0000"),
        "party_spread": 0.4,
        "org_median": Decimal("1500.0000"),
        "org_spread": 0.6,
        "gap_days": 14,
        "usual_gap": 14.0,
        "weekday": 2,
        "weekday_payments": 100,
        "direction_payments": 500,
        **other,
    }


def ordinary(count: int) -> list[dict]:
    chance = random.Random(3)
    return [
        payment(
            i,
            str(round(1000 * chance.lognormvariate(0, 0.3), 2)),
            gap_days=chance.randint(7, 21),
            weekday_payments=chance.choice([90, 100, 110]),
        )
        for i in range(count)
    ]


def test_a_planted_amount_is_found_and_explained():
    (alert, *rest) = find_unusual([*ordinary(600), payment(9001, "14000.00")])
    assert alert.subject_id == "p-9001" and not rest
    assert alert.reason.startswith("14,000.00 USD to Acme: amount 14× this supplier's usual 1,000.00 USD")
    assert alert.evidence["party_median"] == Decimal("1000.0000")
    assert 0.65 <= alert.score <= 1


def test_a_party_without_habits_is_measured_by_its_organization():
    new = payment(9002, "30000.00", party_payments=1, party_median=Decimal("30000.0000"), gap_days=None)
    (alert,) = find_unusual([*ordinary(600), new])
    assert "amount 20× the organization's usual 1,500.00 USD" in alert.reason


def test_a_party_whose_amounts_differ_widely_is_not_unusual():
    assert find_unusual([*ordinary(600), payment(9001, "14000.00", party_spread=3.0, org_spread=3.0)]) == []


def test_a_late_payment_of_the_usual_amount_is_not_unusual():
    assert find_unusual([*ordinary(600), payment(9001, "1000.00", gap_days=290, weekday_payments=1)]) == []


def test_gap_and_weekday_add_to_an_amount():
    (alert,) = find_unusual([*ordinary(600), payment(9001, "14000.00", gap_days=290, weekday=7, weekday_payments=1)])
    assert "14× this supplier's usual" in alert.reason
    assert "290 days after this supplier's last one, usually 14" in alert.reason
    assert "made on a Sunday, as 1 of 500 payments were" in alert.reason


def test_ordinary_payments_raise_nothing():
    assert find_unusual(ordinary(1000)) == []


def test_the_same_payments_in_any_order_give_the_same_alerts():
    payments = [*ordinary(600), payment(9001, "14000.00"), payment(9003, "100.00", gap_days=200)]
    turned = list(reversed(payments))
    assert find_unusual(payments) == find_unusual(turned)


def test_too_few_payments_raise_nothing():
    assert find_unusual([*ordinary(MIN_PAYMENTS - 2), payment(9001, "99000.00")]) == []
