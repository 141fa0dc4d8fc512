"""Days of cash made by hand: what stands out is raised and explained, what the season explains is not."""

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tieout.ml.unusual_day import MIN_CASH_DAYS, unusual_days

DAY = date(2026, 11, 20)


def ordinary(days: int = 500, seed: int = 1) -> dict[date, Decimal]:
    """About 1,000.00 on working days, thrice that on the last one of a month."""
    chance = random.Random(seed)
    totals = {}
    for back in range(days):
        on = DAY - timedelta(days=back)
        following = on + timedelta(days=3 if on.weekday() == 4 else 1)
        if on.weekday() < 5:
            amount = Decimal(f"{1000 * chance.lognormvariate(0, 0.2):.2f}")
            totals[on] = 3 * amount if following.month != on.month else amount
    return totals


def rows(inflow: dict[date, Decimal], outflow: dict[date, Decimal] | None = None) -> list[dict]:
    outflow = outflow or {}
    return [
        {
            "org_id": "org",
            "currency": "EUR",
            "booked_on": on,
            "inflow": inflow.get(on, Decimal(0)),
            "outflow": outflow.get(on, Decimal(0)),
        }
        for on in {**inflow, **outflow}
    ]


@pytest.mark.parametrize("seed", range(5))
def test_ordinary_days_and_month_ends_raise_nothing(seed):
    assert list(unusual_days(rows(ordinary(seed=seed), ordinary(seed=seed + 50)), DAY)) == []


def test_a_planted_day_is_found_and_explained():
    totals = ordinary()
    on = date(2026, 11, 11)
    totals[on] = Decimal("12345.6789")
    (alert,) = unusual_days(rows(ordinary(seed=2), totals), DAY)
    assert (alert.subject_id, alert.occurred_on) == ("org/EUR/outflow/2026-11-11", on)
    assert alert.amount == Decimal("12345.6789")
    assert alert.severity == "high" and 0.94 <= alert.score <= 1
    assert alert.reason.startswith("paid 12,345.6789 EUR on Wednesday 2026-11-11, about ")
    assert Decimal(500) < alert.evidence["expected_amount"] < Decimal(2000)
    # together they are how far off the day was, in usual deviations
    assert sum(map(float, alert.evidence["contributions"].values())) > 10
    alert.row(DAY, "new")


def test_a_total_beyond_the_column_is_told_as_the_largest_that_fits():
    totals = {on: total * 10**13 for on, total in ordinary().items()}  # a year of rials
    on = date(2026, 11, 11)
    totals[on] = Decimal("123456789012345678.9000")
    (alert,) = unusual_days(rows({}, totals), DAY)
    assert alert.row(DAY, "new")["amount"] == Decimal("999999999999999.9999")
    assert alert.reason.startswith("paid 123,456,789,012,345,678.90 EUR on ")
    assert alert.evidence["expected_amount"] > 10**15


def test_a_day_is_raised_alike_on_every_day_after_it_for_a_year():
    totals = ordinary(days=900)
    on = DAY - timedelta(days=364)
    while on.weekday() > 4:
        on += timedelta(days=1)
    totals[on] = Decimal(20000)
    early = {day: total for day, total in totals.items() if day <= on}
    (first,) = unusual_days(rows(early), on)
    (last,) = unusual_days(rows(totals), DAY)
    assert (first.alert_id, first.score, first.reason) == (last.alert_id, last.score, last.reason)
    assert list(unusual_days(rows(totals), on + timedelta(days=365))) == []


def test_a_day_within_what_the_year_has_seen_is_not_raised():
    totals = ordinary()
    for on in (date(2026, 3, 3), date(2026, 3, 4), date(2026, 9, 9)):
        totals[on] = Decimal(9000)
    found = {alert.occurred_on for alert in unusual_days(rows(totals), DAY)}
    assert date(2026, 3, 3) in found and date(2026, 9, 9) not in found


def test_where_most_days_bring_nothing_no_day_is_judged():
    totals = {on: total for on, total in ordinary(days=1000).items() if on.weekday() < 3}
    totals[date(2026, 11, 11)] = Decimal(50000)
    assert list(unusual_days(rows(totals), DAY)) == []


def test_a_young_series_is_not_judged():
    totals = dict(sorted(ordinary().items(), reverse=True)[:MIN_CASH_DAYS])
    totals[DAY] = Decimal(50000)
    assert list(unusual_days(rows(totals), DAY)) == []


def test_a_day_of_many_bills_is_told_as_one_of_documents():
    billed = ordinary()
    planted = max(day for day in billed if day.weekday() == 2)
    billed[planted] = Decimal("90000.0000")
    found = [
        {
            "org_id": "org",
            "currency": "USD",
            "booked_on": day,
            "invoiced": Decimal(0),
            "largest_invoiced": Decimal(0),
            "billed": total,
            "largest_billed": total / 10,
        }
        for day, total in billed.items()
    ]
    (alert,) = unusual_days(found, max(billed), {"org": "US"})
    assert (alert.subject_type, alert.subject_id) == ("document_day", f"org/USD/billed/{planted}")
    assert alert.reason.startswith("billed by suppliers 90,000.00 USD on Wednesday")
    (again,) = unusual_days(found, max(billed), {"org": "no such country"})
    assert again.alert_id == alert.alert_id
    # one large bill is told as a bill
    for row in found:
        row["largest_billed"] = row["billed"]
    assert list(unusual_days(found, max(billed))) == []
