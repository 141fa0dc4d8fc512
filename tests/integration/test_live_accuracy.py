"""Past forecasts scored by what came, on the real Trino, expected values by hand."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tieout.connections import execute, query
from tieout.ml import lake, live_accuracy
from tieout.ml.live_accuracy import score_past_forecasts
from tieout.ml.tables import FORECAST, LIVE_ACCURACY, ensure_ml_tables, replace_day

pytestmark = pytest.mark.integration

SCHEMA = "lake.live_accuracy_test"
BANK = f"{SCHEMA}.stg_app_db__bank_transactions"
ORG = "11111111-0000-0000-0000-000000000000"
RUN = date(2018, 6, 4)


@pytest.fixture(scope="module", autouse=True)
def silver(stack):
    real = lake.SILVER
    lake.SILVER = SCHEMA
    execute(f"create schema if not exists {SCHEMA}")
    execute(f"drop table if exists {BANK}")
    execute(
        f"create table {BANK} (org_id varchar, currency varchar, transfer_group_id varchar, booked_on date, "
        "amount decimal(19,4), is_deleted boolean)"
    )
    ensure_ml_tables()
    # Four weeks of history: Mondays brought 100, 100, 107, 107 and, on the run date, 100.
    for weeks_ago, amount in enumerate(("100", "107", "107", "100", "100")):
        book(-7 * weeks_ago, amount)
    book(1, "12")
    book(2, "-5")
    book(2, "900", transfer="t-1")
    book(2, "900", deleted=True)
    book(8, "20")
    book(9, "1234")
    forecast((1, "10.5", "0"), (2, "0", "4"), (8, "20", "0"), (9, "1", "1"))
    yield
    forecast()
    execute(f"delete from lake.{LIVE_ACCURACY.identifier} where run_date <= date '{RUN}'")
    execute(f"drop table {BANK}")
    execute(f"drop schema {SCHEMA}")
    lake.SILVER = real


def book(days: int, amount: str, transfer: str | None = None, deleted: bool = False) -> None:
    group = f"'{transfer}'" if transfer else "cast(null as varchar)"
    execute(
        f"insert into {BANK} values ('{ORG}', 'USD', {group}, date '{RUN + timedelta(days=days)}', "
        f"cast('{amount}' as decimal(19,4)), {str(deleted).lower()})"
    )


def forecast(*days: tuple[int, str, str]) -> None:
    """Rows (days ahead, inflow, outflow); the 80 % interval is the amount itself, the 95 % one 1.50 to either side."""
    rows = []
    for ahead, inflow, outflow in days:
        row = dict.fromkeys(column.name for column in FORECAST.columns)
        row |= {"run_date": RUN, "org_id": ORG, "currency": "USD", "forecast_date": RUN + timedelta(days=ahead)}
        row |= {"horizon_days": ahead, "status": "forecast", "reason": "made by hand", "model_version": "0"}
        row |= {"inflow_model": "ses", "outflow_model": "theta"}
        amounts = {"inflow": Decimal(inflow), "outflow": Decimal(outflow)}
        amounts["net"] = amounts["inflow"] - amounts["outflow"]
        for name, amount in amounts.items():
            row[f"{name}_amount"] = row[f"{name}_lower_80"] = row[f"{name}_upper_80"] = amount
            row |= {f"{name}_lower_95": amount - Decimal("1.5"), f"{name}_upper_95": amount + Decimal("1.5")}
        rows.append(row)
    replace_day(FORECAST, RUN, rows)


def score(monkeypatch, until: int, day: date = RUN) -> list[tuple]:
    """The scores as of so many days after the run."""
    monkeypatch.setattr(live_accuracy, "newest_run_date", lambda: RUN + timedelta(days=until))
    score_past_forecasts(day)
    return query(
        "select flow, first_day_ahead, model, days, forecast_amount, actual_amount, absolute_error, round(wape, 6), "
        f"round(mase, 6), coverage_80, coverage_95 from lake.{LIVE_ACCURACY.identifier} where run_date = date '{RUN}' "
        "order by 1, 2"
    )


def snapshots() -> int:
    return query(f'select count(*) from lake.gold_candidate."{LIVE_ACCURACY.name}$snapshots"')[0][0]


def test_days_that_came_are_scored_by_how_far_ahead_they_lay(monkeypatch):
    # 22 days of the history have one a week before; two of them changed, by 7 each: 14 / 22 a day.
    scale = Decimal(14) / 22
    d = Decimal
    assert score(monkeypatch, 8) == [
        # 10.5 + 0 for 12 + 0: off by 1.5 on two days. Day 1 lies on the edge of 95 %, day 2 is exact.
        ("inflow", 1, "ses", 2, d("10.5"), d(12), d("1.5"), 0.125, round(float(d("0.75") / scale), 6), 0.5, 1.0),
        ("inflow", 8, "ses", 1, d(20), d(20), d(0), 0.0, 0.0, 1.0, 1.0),
        # net: 10.5 and -4 for 12 and -5: 1.5 + 1 of 17 that moved, both within 1.5
        ("net", 1, None, 2, d("6.5"), d(7), d("2.5"), 0.147059, round(float(d("1.25") / scale), 6), 0.0, 1.0),
        ("net", 8, None, 1, d(20), d(20), d(0), 0.0, 0.0, 1.0, 1.0),
        # nothing had ever gone out before the run: there is nothing to scale by
        ("outflow", 1, "theta", 2, d(4), d(5), d(1), 0.2, None, 0.5, 1.0),
        ("outflow", 8, "theta", 1, d(0), d(0), d(0), None, None, 1.0, 1.0),
    ]


def test_scores_grow_with_the_days_and_a_rerun_writes_nothing(monkeypatch):
    assert [row[:4] for row in score(monkeypatch, 1)] == [
        ("inflow", 1, "ses", 1),
        ("net", 1, None, 1),
        ("outflow", 1, "theta", 1),
    ]
    grown = score(monkeypatch, 9)
    assert [row[3] for row in grown] == [2, 2, 2, 2, 2, 2]
    before = snapshots()
    assert score(monkeypatch, 9) == grown
    # a run of 90 days later still knows it; of 91 days later leaves it as it is
    assert score(monkeypatch, 90, RUN + timedelta(days=90)) == grown
    assert score(monkeypatch, 91, RUN + timedelta(days=91)) == grown
    assert snapshots() == before


def test_what_is_booked_late_or_forecast_anew_is_scored_anew(monkeypatch):
    first = score(monkeypatch, 8)
    book(8, "0.0001")
    assert score(monkeypatch, 8)[1][4:7] == (Decimal(20), Decimal("20.0001"), Decimal("0.0001"))
    # an old day that is run again, long after
    forecast((1, "12", "0"))
    assert [row[3] for row in score(monkeypatch, 200, RUN)] == [1, 1, 1]
    forecast((1, "10.5", "0"), (2, "0", "4"), (8, "20.0001", "0"), (9, "1", "1"))
    again = score(monkeypatch, 8)
    assert again[0] == first[0] and again[1][6] == 0
    forecast()
    assert score(monkeypatch, 8) == []
