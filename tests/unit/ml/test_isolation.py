"""The isolation forest on rows made by hand: what is planted is found, what is ordinary is left alone."""

import random
from datetime import date, timedelta
from decimal import Decimal

from tieout.ml.features import BANK, BILLS, PAYMENTS
from tieout.ml.isolation import FEATURES, MIN_ROWS, find_unusual

DAY = date(2026, 11, 20)


def payment(number: int, amount: str, **other) -> dict:
    return {
        "org_id": "org",
        "subject_id": f"p-{number:04}",
        "occurred_on": DAY - timedelta(days=number % 300),
        "amount": Decimal(amount),
        "currency": "USD",
        "direction": "out",
        "party": "Acme",
        "is_judged": True,
        "party_rows": 24,
        "party_median": Decimal("1000.0000"),
        "party_spread": 0.4,
        "org_rows": 500,
        "org_median": Decimal("1500.0000"),
        "org_spread": 0.6,
        "gap_days": 14,
        "usual_gap": 14.0,
        "weekday": 2,
        "weekday_rows": 100,
        "direction_rows": 500,
        **other,
    }


def ordinary(count: int) -> list[dict]:
    chance = random.Random(3)
    return [
        payment(
            i,
            str(round(1000 * chance.lognormvariate(0, 0.3), 2)),
            gap_days=chance.randint(7, 21),
            weekday_rows=chance.choice([90, 100, 110]),
        )
        for i in range(count)
    ]


def test_a_planted_amount_is_found_and_explained():
    (alert, *rest) = find_unusual(PAYMENTS, [*ordinary(600), payment(9001, "14000.00")])
    assert alert.subject_id == "p-9001" and not rest
    assert alert.reason.startswith("14,000.00 USD to Acme: amount 14× this supplier's usual 1,000.00 USD")
    assert alert.evidence["party_median"] == Decimal("1000.0000")
    assert 0.65 <= alert.score <= 1


def test_a_party_without_habits_is_measured_by_its_organization():
    new = payment(9002, "30000.00", party_rows=1, party_median=Decimal("30000.0000"), gap_days=None)
    (alert,) = find_unusual(PAYMENTS, [*ordinary(600), new])
    assert "amount 20× the organization's usual 1,500.00 USD" in alert.reason


def test_a_party_whose_amounts_differ_widely_is_not_unusual():
    assert find_unusual(PAYMENTS, [*ordinary(600), payment(9001, "14000.00", party_spread=3.0, org_spread=3.0)]) == []


def test_a_late_payment_of_the_usual_amount_is_not_unusual():
    assert find_unusual(PAYMENTS, [*ordinary(600), payment(9001, "1000.00", gap_days=290, weekday_rows=1)]) == []


def test_gap_and_weekday_add_to_an_amount():
    (alert,) = find_unusual(
        PAYMENTS, [*ordinary(600), payment(9001, "14000.00", gap_days=290, weekday=7, weekday_rows=1)]
    )
    assert "14× this supplier's usual" in alert.reason
    assert "290 days after this supplier's last one, usually 14" in alert.reason
    assert "made on a Sunday, as 1 of 500 were" in alert.reason


def test_ordinary_payments_raise_nothing():
    assert find_unusual(PAYMENTS, ordinary(1000)) == []


def test_the_same_payments_in_any_order_give_the_same_alerts():
    payments = [*ordinary(600), payment(9001, "14000.00"), payment(9003, "100.00", gap_days=200)]
    turned = list(reversed(payments))
    assert find_unusual(PAYMENTS, payments) == find_unusual(PAYMENTS, turned)


def test_too_few_payments_raise_nothing():
    assert find_unusual(PAYMENTS, [*ordinary(MIN_ROWS - 2), payment(9001, "99000.00")]) == []


def test_bills_and_bank_bookings_are_told_in_their_own_words():
    (bill,) = find_unusual(BILLS, [*ordinary(600), payment(9001, "14000.00")])
    assert (bill.kind, bill.subject_type) == ("unusual_bill", "ap_bill")
    assert bill.reason.startswith("14,000.00 USD billed by Acme: amount 14× this supplier's usual")
    (booking,) = find_unusual(BANK, [*ordinary(600), payment(9001, "14000.00", direction="in")])
    assert (booking.kind, booking.subject_type) == ("unusual_bank_transaction", "bank_transaction")
    assert booking.reason.startswith("14,000.00 USD from Acme: amount 14× this payer's usual")


def test_what_is_not_judged_only_says_what_is_usual():
    assert find_unusual(BANK, [*ordinary(600), payment(9001, "14000.00", is_judged=False)]) == []


def test_contributions_name_every_feature_and_the_amount_leads():
    (alert,) = find_unusual(PAYMENTS, [*ordinary(600), payment(9001, "14000.00")])
    shares = {name: Decimal(share) for name, share in alert.evidence["contributions"].items()}
    assert tuple(shares) == FEATURES
    assert max(shares, key=shares.get) in ("amount_to_usual", "amount_to_organization")
