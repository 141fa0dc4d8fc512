"""Origins, scores and intervals against numbers worked out by hand."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest

from tieout.ml.backtest import Failure, Plan, backtest, totals
from tieout.ml.cash import plan_of
from tieout.ml.intervals import Past, coverage, cumulative_bounds, daily_bounds
from tieout.ml.models import History, Naive, Remembered, SeasonalMean, SeasonalNaive
from tieout.ml.prophet import Prophet

DAY = date(2026, 1, 5)


@pytest.mark.parametrize(
    ("days", "cuts", "horizon"),
    [
        (0, (), 0),
        (27, (), 7),
        (34, (), 7),
        (35, (28,), 7),
        (42, (28, 35), 7),
        (100, (37, 58, 79), 21),
        (211, (120,), 91),
        (302, (120, 211), 91),
        (1096, (732, 823, 914, 1005), 91),
    ],
)
def test_origins(days, cuts, horizon):
    found = plan_of(days)
    assert found.cuts == cuts
    assert not cuts or found.horizon == horizon


@pytest.mark.parametrize("days", range(0, 1200, 13))
def test_no_origin_looks_beyond_the_history(days):
    found = plan_of(days)
    assert all(cut + found.horizon <= days for cut in found.cuts)
    assert found.horizon % 7 == 0


def test_scores_by_hand():
    # 35 days of 10, then a last week of 12: last week's value is 2 too low on each of 7 days.
    values = np.array([10.0] * 35 + [12.0] * 7)
    score = backtest(SeasonalNaive(), History(values, 7), plan_of(42))
    assert score.past.errors.tolist() == [[0.0] * 7, [2.0] * 7]
    assert score.wape == pytest.approx(14 / 154)
    assert score.block_wape == pytest.approx(14 / 154)
    # running totals are off by 0 at the first origin, by 2, 4, … 14 at the second; a horizon's total is 70 and 84
    assert score.path_error == pytest.approx(56 / 14)
    assert score.path_wape == pytest.approx(4 / 77)
    assert score.mase is None  # the training part repeats itself exactly, so there is nothing to scale by


def test_mase_by_hand():
    # week by week 0, 4, 0, 4, 0: the naive error within the first 28 days is 4 a day, and so is the error after them
    values = np.repeat([0.0, 4.0, 0.0, 4.0, 0.0], 7)
    score = backtest(SeasonalNaive(), History(values, 7), plan_of(35))
    assert score.mase == pytest.approx(1.0)
    assert score.wape is None and score.block_wape is None
    assert coverage(score.past, 80) is None  # of one origin nothing can be left out


def test_there_is_no_mase_before_a_whole_season():
    score = backtest(Naive(), History(np.arange(20.0), 12), Plan((6, 10), 4))
    assert score.mase is None
    # off by 1, 2, 3, 4 from 6 on, where 6 to 9 came, and from 10 on, where 10 to 13 came
    assert score.wape == pytest.approx(20 / (30 + 46))


def test_a_model_that_needs_more_history_is_a_failure_that_says_so():
    found = backtest(Prophet(), History(np.ones(100), 7, DAY), plan_of(100))
    assert isinstance(found, Failure)
    assert found.reason == "needs 120 steps of history, there are 37 before the first origin"


def test_weekly_totals_leave_out_the_broken_week():
    assert totals(np.arange(16.0), 7).tolist() == [21.0, 70.0]


def test_models_by_hand():
    values = np.array([1, 2, 3, 4, 5, 6, 7, 3, 4, 5, 6, 7, 8, 9], float)
    assert SeasonalNaive().predict(History(values, 7), 8).tolist() == [3, 4, 5, 6, 7, 8, 9, 3]
    assert SeasonalMean().predict(History(values, 7), 8).tolist() == [2, 3, 4, 5, 6, 7, 8, 2]
    assert SeasonalMean().predict(History(values[:10], 7), 2).tolist() == [4.0, 4.0]


def test_naive_repeats_the_last_value():
    assert Naive().predict(History(np.array([1.0, 4.0]), 7), 3).tolist() == [4, 4, 4]


def test_what_is_remembered_is_computed_once_per_history():
    calls = []

    @dataclass(frozen=True)
    class Counted(Naive):
        def predict(self, history, horizon):
            calls.append(len(history))
            return super().predict(history, horizon)

    model, history = Remembered(Counted("counted")), History(np.arange(10.0), 7, DAY)
    first = model.predict(history, 3)
    first += 100
    assert model.predict(history, 3).tolist() == [9, 9, 9] and model.name == "counted"
    assert model.predict(history.before(5), 3).tolist() == [4, 4, 4]
    assert calls == [10, 5]


def test_bounds_hold_the_expected_value_and_are_nested():
    past = Past(np.full((3, 91), 100.0), np.random.default_rng(3).normal(5, 10, (3, 91)))
    expected = np.full(90, 50.0)
    low80, high80 = daily_bounds(expected, past, 80)
    low95, high95 = daily_bounds(expected, past, 95)
    assert (low95 <= low80).all() and (low80 <= 50).all() and (high80 >= 50).all() and (high80 <= high95).all()


def test_bounds_know_the_weekday():
    errors = np.zeros((3, 91))
    errors[:, 5::7] = np.linspace(-10, 10, 39).reshape(3, 13)
    low, high = daily_bounds(np.full(14, 100.0), Past(np.full((3, 91), 20.0), errors), 80)
    # 39 errors from -10 to 10: 80 % of them lie within the fourth from either end
    assert low[[5, 12]] == pytest.approx(100 - 10 + 3 * 20 / 38) and high[[5, 12]] == pytest.approx(110 - 3 * 20 / 38)
    assert low[[0, 1, 2, 3, 4, 6]].tolist() == [100.0] * 6


def test_days_without_cash_stay_without_cash():
    # on two days of three nothing moved, on the third 30 did; the mean of 10 was expected on all
    actual = np.resize([0.0, 0.0, 30.0], (4, 91))
    past = Past(np.full((4, 91), 10.0), actual - 10.0)
    low, high = daily_bounds(np.full(90, 12.0), past, 80, floor=0.0)
    assert not low.any()
    assert high == pytest.approx(np.full(90, 32.0))
    assert coverage(past, 80) == 1.0


def test_where_the_floor_is_inside_all_the_rest_lies_above():
    # Of 40 origins, 16 saw nothing on a day and 24 saw 1, 2, … 24: 80 % of them are the lowest 32, up to 16.
    actual = np.repeat(np.r_[np.zeros(16), np.arange(1.0, 25.0)][:, None], 7, axis=1)
    past = Past(np.full((40, 7), 5.0), actual - 5.0)
    low, high = daily_bounds(np.full(7, 5.0), past, 80, floor=0.0)
    assert not low.any()
    # numpy's place of 80 % among 40 is 31.2, and the next value above it is the 33rd
    assert high.tolist() == [17.0] * 7
    assert coverage(past, 80) == pytest.approx(0.80, abs=0.05)


def test_running_sums_spread_with_the_square_root_of_time():
    errors = np.random.default_rng(4).normal(0, 10, (3, 364))
    low, high = cumulative_bounds(errors, (80,), 90, seed=1)[80]
    # 80 % of a normal sum of n days lies within 1.2816 * 10 * sqrt(n)
    assert high[-1] - low[-1] == pytest.approx(2 * 1.2816 * 10 * 90**0.5, rel=0.3)
    assert high[-1] > high[20] > high[5]


def test_coverage_of_errors_that_stay_alike_is_near_its_level():
    random = np.random.default_rng(5)
    predictions = np.full((8, 91), 1000.0)
    errors = random.normal(0, 50, (8, 91))
    past = Past(predictions, errors)
    assert coverage(past, 80) == pytest.approx(0.80, abs=0.05)
    assert coverage(past, 95) == pytest.approx(0.95, abs=0.05)
