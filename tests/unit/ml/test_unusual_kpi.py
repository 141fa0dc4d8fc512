"""KPIs made by hand: a jump for the worse is raised and explained, noise, growth and what gets better are not."""

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tieout.ml.unusual_kpi import MIN_DAYS, unusual_kpis

DAY = date(2026, 11, 20)


def series(days: int = 200, seed: int = 1, **jumps: tuple[date, str]) -> list[dict]:
    """DSO about 40 days, DPO about 30, a fifth overdue, 95 % of payments successful; jumps by KPI: a day's value."""
    chance = random.Random(seed)

    def about(value: str) -> Decimal:
        return Decimal(value) * Decimal(f"{chance.gauss(1, 0.01):.6f}")

    rows = []
    for back in range(days):
        on = DAY - timedelta(days=back)
        row = {
            "org_id": "org",
            "base_currency": "EUR",
            "as_of_date": on,
            "dso": about("40"),
            "dpo": about("30"),
            "overdue_ratio": about("0.2"),
            "payment_success_rate": about("0.95"),
            "total_ar_amount": Decimal("1000.0000"),
            "total_ap_amount": Decimal("800.0000"),
            "overdue_ar_amount": Decimal("200.0000"),
            "collected_amount": Decimal("5000.0000"),
        }
        row |= {kpi: Decimal(value) for kpi, (at, value) in jumps.items() if at == on}
        rows.append(row)
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_ordinary_days_raise_nothing(seed):
    assert list(unusual_kpis(series(seed=seed), DAY)) == []


def test_a_jump_for_the_worse_is_found_and_explained():
    on = date(2026, 11, 11)
    (alert,) = unusual_kpis(series(dso=(on, "61.25")), DAY)
    assert (alert.kind, alert.subject_type, alert.subject_id) == ("unusual_kpi", "kpi_day", "org/dso/2026-11-11")
    assert (alert.amount, alert.currency, alert.occurred_on) == (Decimal("1000.0000"), "EUR", on)
    assert alert.reason.startswith(
        "days sales outstanding came to 61.2 days on 2026-11-11, where the days before lead "
    )
    assert alert.evidence["value"] == Decimal("61.25") and 39 < alert.evidence["expected_value"] < 41
    # together they are how far off the day was, in usual deviations
    assert sum(map(float, alert.evidence["contributions"].values())) > 10
    assert alert.severity == "high"
    alert.row(DAY, "new")


def test_receivables_beyond_the_column_are_told_as_the_largest_that_fit():
    rows = [row | {"total_ar_amount": Decimal(10**16)} for row in series(dso=(date(2026, 11, 11), "61.25"))]
    (alert,) = unusual_kpis(rows, DAY)
    assert alert.row(DAY, "new")["amount"] == Decimal("999999999999999.9999")
    assert "10,000,000,000,000,000.00 EUR is at stake" in alert.reason


@pytest.mark.parametrize(
    ("kpi", "value", "raised"),
    [
        pytest.param("dso", "20", False, id="collected sooner"),
        pytest.param("dso", "46", False, id="not a quarter off"),
        pytest.param("payment_success_rate", "0.5", True, id="half of the payments fail"),
        pytest.param("payment_success_rate", "1", False, id="every payment succeeds"),
        pytest.param("overdue_ratio", "0.4", True, id="twice as much overdue"),
        pytest.param("dpo", "45", True, id="suppliers wait longer"),
    ],
)
def test_only_what_is_plainly_worse_is_raised(kpi, value, raised):
    found = unusual_kpis(series(**{kpi: (date(2026, 11, 11), value)}), DAY)
    assert [alert.evidence["kpi"] for alert in found] == [kpi] * raised


def test_few_days_and_days_without_a_figure_raise_nothing():
    jump = {"dso": (DAY, "90")}
    assert list(unusual_kpis(series(days=MIN_DAYS, **jump), DAY)) == []
    rows = [row | {"dso": None} for row in series(**jump)]
    assert list(unusual_kpis(rows, DAY)) == []
