"""Forecast properties on hand-made histories."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.ml.backtest import Failure
from tieout.ml.cash import CANDIDATES, FALLBACK
from tieout.ml.forecast import (
    HORIZON_DAYS,
    MAX_PROCESSES,
    SERIES_PER_PROCESS,
    forecast_all,
    forecast_flow,
    forecast_rows,
)
from tieout.ml.history import CashSeries, cash_series
from tieout.ml.models import History, SeasonalMean, SeasonalNaive
from tieout.ml.prophet import Prophet
from tieout.ml.tables import ACCURACY, FORECAST, LEVELS

DAY = date(2026, 11, 20)
SIMPLE = (SeasonalMean(), SeasonalNaive())
MEASURES = ("inflow_amount", "outflow_amount", "net_amount", "closing_balance")
BOUNDS = ("inflow", "outflow", "net", "closing_balance")


class Broken:
    name = "broken"

    def enough(self, history):
        return ""

    def predict(self, history, horizon):
        raise RuntimeError("no luck")


def series(inflow, outflow, minor_unit=2, balance="1000.00", currency="USD") -> CashSeries:
    return CashSeries(
        "org-1", currency, minor_unit, Decimal(balance), DAY, np.array(inflow, float), np.array(outflow, float)
    )


def noisy(days: int, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    week = np.resize([0, 0, 100, 120, 130, 140, 300], days)
    return np.round(week * random.lognormal(0, 0.5, days) * (random.random(days) < 0.8), 2)


histories = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=0, max_size=200)


@settings(max_examples=40)
@given(inflow=histories, outflow=histories, minor_unit=st.sampled_from([0, 2, 3]))
def test_rows_hold_their_properties_whatever_the_history(inflow, outflow, minor_unit):
    days = min(len(inflow), len(outflow))
    rows, _, status, _ = forecast_rows(series(inflow[:days], outflow[:days], minor_unit), SIMPLE)
    assert status == "forecast"
    assert [row["forecast_date"] for row in rows] == [DAY + timedelta(days=i) for i in range(1, HORIZON_DAYS + 1)]
    balance = Decimal("1000.00")
    for row in rows:
        assert set(row) == {column.name for column in FORECAST.columns}
        assert row["inflow_amount"] >= 0 and row["outflow_amount"] >= 0
        assert row["inflow_lower_95"] >= 0 and row["outflow_lower_95"] >= 0
        assert row["net_amount"] == row["inflow_amount"] - row["outflow_amount"]
        balance += row["net_amount"]
        assert row["closing_balance"] == balance
        for value, bound in zip(MEASURES, BOUNDS, strict=True):
            ladder = [
                row[f"{bound}_lower_95"],
                row[f"{bound}_lower_80"],
                row[value],
                row[f"{bound}_upper_80"],
                row[f"{bound}_upper_95"],
            ]
            assert ladder == sorted(ladder)
            assert all(isinstance(step, Decimal) for step in ladder)
        assert row["inflow_amount"] == round(row["inflow_amount"], minor_unit)


def test_the_same_history_gives_the_same_rows():
    cash = series(noisy(400), noisy(400, seed=2))
    assert forecast_rows(cash, (*SIMPLE, Prophet())) == forecast_rows(cash, (*SIMPLE, Prophet()))


def test_prophet_wins_where_there_is_a_trend():
    days = np.arange(500)
    flow = forecast_flow(
        History(100.0 + 5 * days + np.resize([0, 0, 0, 0, 0, 200, 400], 500), 7, DAY), (*SIMPLE, Prophet())
    )
    assert flow.model.name == "prophet"
    assert "was off least" in flow.reason and "seasonal_mean" in flow.reason


def test_models_that_follow_single_days_are_no_candidates_where_cash_is_rare():
    rare = np.zeros(500)
    rare[::30] = 1000.0
    flow = forecast_flow(History(rare, 7, DAY), CANDIDATES)
    reasons = {score.model.name: score.reason for score in flow.scores if isinstance(score, Failure)}
    assert reasons.keys() == {"prophet", "seasonal_naive", "open_items"}
    assert "no invoice or bill was ever open" in reasons["open_items"]
    assert "needs cash on 20% of days, there was some on 4%" in reasons["prophet"]
    assert flow.expected.sum() == pytest.approx(3000, rel=0.4)


def test_a_share_of_days_just_below_what_is_needed_is_told_as_below():
    values = np.zeros(500)
    values[:98] = 1.0
    frequent = next(model for model in CANDIDATES if model.name == "seasonal_naive")
    assert frequent.enough(History(values, 7)) == "needs cash on 20% of days, there was some on 19%"


def test_a_weekly_pattern_without_noise_is_forecast_exactly():
    week = [0, 0, 10, 20, 30, 40, 50]
    rows, scores, _, _ = forecast_rows(series(np.resize(week, 350), np.zeros(350)), SIMPLE)
    # 350 days are 50 whole weeks, so the first day ahead is the pattern's first
    assert [row["inflow_amount"] for row in rows[:14]] == [Decimal(v) for v in week * 2]
    assert rows[0]["outflow_model"] == "seasonal_mean" and "no cash moved" in rows[0]["reason"]
    assert rows[6]["closing_balance_upper_95"] == Decimal("1150.00")
    assert {s["wape_daily"] for s in scores} == {0.0} and {s["coverage_80"] for s in scores} == {1.0}


@pytest.mark.parametrize("days", [1, 6, 13, 34])
def test_too_little_history_says_so(days):
    rows, scores, status, reason = forecast_rows(series(noisy(days) + 1, noisy(days) + 2))
    assert status == "forecast" and not scores
    assert {row["inflow_model"] for row in rows} == {FALLBACK.name}
    assert f"{days} days of history are too few" in reason


def test_no_history_at_all_expects_nothing():
    rows, _, status, _ = forecast_rows(series([], []))
    assert status == "forecast"
    assert {row["closing_balance"] for row in rows} == {Decimal("1000.00")}


@pytest.mark.parametrize("count", [2, MAX_PROCESSES * SERIES_PER_PROCESS + 1], ids=["alone", "shared out"])
def test_many_series_give_what_each_gives_alone_in_order_and_say_how_far_they_are(count, caplog):
    every = [
        replace(series(noisy(40, number), noisy(40, number + 99)), org_id=f"org-{number}") for number in range(count)
    ]
    with caplog.at_level("INFO", logger="tieout.ml.forecast"):
        found = list(forecast_all(every))
    assert [(rows, scores) for _, rows, scores in found] == [forecast_rows(cash)[:2] for cash in every]
    assert [outcome.org_id for outcome, _, _ in found] == [cash.org_id for cash in every]
    assert caplog.messages[-1].startswith(f"forecast {count} of {count}: org-{count - 1}/USD forecast in ")


def test_an_unknown_currency_leaves_a_row_that_says_why():
    rows, scores, status, reason = forecast_rows(series(noisy(60), noisy(60), minor_unit=None, currency="XXX"))
    assert (status, len(rows), scores) == ("failed", 1, [])
    assert rows[0]["reason"] == reason and "XXX is not in app_db.currencies" in reason
    assert rows[0]["inflow_amount"] is None and rows[0]["closing_balance"] is None
    assert set(rows[0]) == {column.name for column in FORECAST.columns}


def test_a_model_that_fails_leaves_its_score_row_and_the_others_go_on():
    rows, scores, status, _ = forecast_rows(series(noisy(200), noisy(200, 2)), (Broken(), *SIMPLE))
    assert status == "forecast" and len(rows) == HORIZON_DAYS
    failed = [score for score in scores if score["model"] == "broken"]
    assert [score["status"] for score in failed] == ["failed", "failed"]
    assert failed[0]["reason"] == "RuntimeError: no luck" and not failed[0]["is_chosen"]


class BrokenOnTheWhole(SeasonalMean):
    """The best model of the backtest, which fails where it matters."""

    def predict(self, history, horizon):
        if len(history) == 200:
            raise RuntimeError("no luck")
        return super().predict(history, horizon)


def test_a_model_that_fails_on_the_whole_history_is_not_told_as_off_by_more():
    broken = BrokenOnTheWhole("broken")
    flow = forecast_flow(History(noisy(200), 7), (broken, SeasonalNaive()))
    assert flow.model.name == "seasonal_naive" and "broken" not in flow.reason
    [failure] = [score for score in flow.scores if isinstance(score, Failure)]
    assert (failure.model, failure.reason) == (broken, "on the whole history: RuntimeError: no luck")
    _, _, status, reason = forecast_rows(series(noisy(200), noisy(200, 2)), (broken,))
    assert (status, reason) == ("failed", "broken: on the whole history: RuntimeError: no luck")


def test_when_every_model_fails_the_series_fails():
    rows, _, status, reason = forecast_rows(series(noisy(200), noisy(200, 2)), (Broken(),))
    assert status == "failed" and reason == "broken: RuntimeError: no luck"
    assert rows[0]["status"] == "failed"


def test_an_amount_that_does_not_fit_fails_the_series():
    _, _, status, reason = forecast_rows(series([3e15] * 40, [0] * 40), SIMPLE)
    assert status == "failed" and "does not fit DECIMAL(19,4)" in reason


def test_a_series_that_cannot_be_scored_does_not_stop_the_rest(monkeypatch):
    def no_luck(past, level):
        raise RuntimeError("no luck")

    monkeypatch.setattr("tieout.ml.forecast.coverage", no_luck)
    rows, scores, status, reason = forecast_rows(series(noisy(200), noisy(200, 2)), SIMPLE)
    assert (status, reason, len(rows), scores) == ("failed", "RuntimeError: no luck", 1, [])


def test_score_rows_are_whole_and_choose_one_model_per_flow():
    _, scores, _, _ = forecast_rows(series(noisy(400), noisy(400, 2)), SIMPLE)
    assert all(set(score) == {column.name for column in ACCURACY.columns} for score in scores)
    for flow in ("inflow", "outflow"):
        ours = [score for score in scores if score["flow"] == flow]
        best = min(ours, key=lambda score: score["wape_path"])
        assert [score["model"] for score in ours if score["is_chosen"]] == [best["model"]]
        for level in LEVELS:
            assert all(0 <= score[f"coverage_{level}"] <= 1 for score in ours)


def test_a_tie_is_told_as_one():
    _, scores, _, _ = forecast_rows(series(np.resize([0, 0, 10, 20, 30, 40, 50], 350), noisy(350)), SIMPLE)
    naive, noise = (score for score in scores if not score["is_chosen"])
    assert naive["reason"] == "seasonal_mean was off by as little and is simpler"
    assert noise["reason"] == "seasonal_mean was off by less"


def test_where_no_cash_moved_in_the_tests_it_says_what_was_taken():
    ended = np.zeros(500)
    ended[:101] = np.resize([0, 0, 10, 20, 30, 40, 50], 101)
    flow = forecast_flow(History(ended, 7, DAY), SIMPLE)
    assert flow.model.name == "seasonal_naive"  # which expected nothing, as came; the mean remembers eight weeks
    assert flow.reason == (
        "no cash moved in 4 backtest(s) of 91 days: the model that expected the least is taken, of equals the simplest"
    )


def test_a_series_is_its_days_with_gaps_as_zero():
    flows = [
        (date(2026, 11, 18), Decimal("5.00"), Decimal("0")),
        (date(2026, 11, 15), Decimal("1.25"), Decimal("2.50")),
    ]
    made = cash_series("o", "USD", 2, Decimal("0"), DAY, flows)
    assert made.first_day == date(2026, 11, 15) and made.days == 6
    assert made.inflow.tolist() == [1.25, 0, 0, 5, 0, 0]
    assert made.outflow.tolist() == [2.5, 0, 0, 0, 0, 0]
