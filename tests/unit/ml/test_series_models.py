"""Smoothing, autoregression, seasons and their combination against second methods and known series."""

import numpy as np
import pytest

from tieout.ml.autoregression import Autoregression
from tieout.ml.combination import BetterHalf, Median
from tieout.ml.models import History, Naive, SeasonalMean, SeasonalNaive, expect
from tieout.ml.regular import MONTHLY, WEEKLY
from tieout.ml.seasonality import Deseasonalized, is_seasonal, seasonal_pattern
from tieout.ml.smoothing import DampedTrend, Ses, Theta

MODELS = [
    Ses(),
    DampedTrend(),
    Theta(),
    Autoregression("levels", differenced=False),
    Autoregression("changes", differenced=True),
    Deseasonalized(Ses(), "deseasonalized_ses"),
    Median((Ses(), Theta(), SeasonalNaive())),
    WEEKLY,
    MONTHLY,
]


def random_walk(steps: int, seed: int) -> np.ndarray:
    return 1000 + np.random.default_rng(seed).normal(0, 5, steps).cumsum()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("period", [7, 12, 52.1775])
@pytest.mark.parametrize("steps", [24, 60, 400])
def test_a_constant_goes_on(model, period, steps):
    history = History(np.full(steps, 42.0), period)
    if not model.enough(history):
        assert expect(model, history, 20) == pytest.approx(np.full(20, 42.0))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_model_sees_only_values_and_gives_the_same_twice(model):
    history = History(random_walk(300, 1), 7)
    assert (model.predict(history, 13) == model.predict(history, 13)).all()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_unit_does_not_matter(model):
    values = random_walk(300, 2)
    assert model.predict(History(values * 1000, 7), 13) == pytest.approx(
        1000 * model.predict(History(values, 7), 13), rel=1e-3
    )


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("steps", [24, 30, 100, 500])
def test_sparse_cash_gives_numbers_that_are_not_negative(model, steps):
    random = np.random.default_rng(steps)
    history = History(np.where(random.random(steps) < 0.1, random.lognormal(8, 2, steps), 0.0), 7)
    assert (expect(model, history, 90) >= 0).all()


def test_ses_of_noise_is_its_mean_and_of_a_walk_its_last_value():
    noise = 100 + np.random.default_rng(5).normal(0, 10, 2000)
    assert Ses().predict(History(noise, 1), 1)[0] == pytest.approx(100, abs=2)
    walk = random_walk(2000, 6)
    assert Ses().predict(History(walk, 1), 1)[0] == pytest.approx(walk[-1], abs=3)


def test_theta_adds_half_the_trend():
    line = 3.0 * np.arange(100)
    ahead = Theta().predict(History(line, 1), 10)
    assert np.diff(ahead) == pytest.approx(np.full(9, 1.5))


def test_a_damped_trend_goes_on_ever_slower():
    ahead = DampedTrend().predict(History(3.0 * np.arange(100) + np.resize([0, 0.1], 100), 1), 20)
    steps = np.diff(ahead)
    assert (steps > 0).all() and (np.diff(steps) < 0).all()


def test_autoregression_returns_to_the_mean_at_its_rate():
    random, values = np.random.default_rng(7), [0.0]
    for _ in range(5000):
        values.append(0.8 * values[-1] + random.normal())
    shocked = np.array([*values, 10.0])
    ahead = Autoregression("levels", differenced=False).predict(History(shocked, 1), 5)
    assert ahead == pytest.approx(10 * 0.8 ** np.arange(1, 6), abs=0.6)


def test_an_explosive_autoregression_does_not_run_away():
    values = 1.5 ** np.arange(40)
    ahead = Autoregression("changes", differenced=True).predict(History(values, 1), 500)
    assert np.isfinite(ahead).all()


@pytest.mark.parametrize("offset", [0.0, 100.0], ids=["by differences", "by ratios"])
def test_a_season_is_taken_out_and_put_back(offset):
    week = np.array([0, 5, 10, 20, 10, 5, 0]) + offset
    values = np.resize(week, 70) + np.random.default_rng(8).normal(0, 0.1, 70)
    model = Deseasonalized(Ses(), "ses")
    assert model.predict(History(np.maximum(values, 0), 7), 14) == pytest.approx(np.resize(week, 14), abs=0.5)


def test_a_period_need_not_be_whole():
    period = 365.25 / 7
    steps = np.arange(520)
    wave = 100 + 20 * np.sin(2 * np.pi * steps / period)
    ahead = Deseasonalized(Naive(), "naive").predict(History(wave[:-13], period), 13)
    assert ahead == pytest.approx(wave[-13:], abs=2.5)


def test_noise_has_no_season():
    noise = np.random.default_rng(9).normal(0, 1, 500)
    assert not is_seasonal(noise, 7)
    assert seasonal_pattern(noise, 7, 10) is None
    assert seasonal_pattern(np.resize(np.arange(7.0), 20), 7, 1) is None  # not seen three times


def test_the_median_leaves_out_who_lacks_history():
    history = History(np.arange(10.0), 7)
    median = Median((Naive(), SeasonalMean(), Ses()))
    assert median.enough(history) == ""
    assert median.predict(history, 1).tolist() == [(9 + 4.5) / 2]
    assert "needs 12 steps" in Median((Ses(),)).enough(history)


class Recorded:
    """Forecasts a constant and keeps the lengths of the histories that it saw."""

    def __init__(self, constant: float):
        self.name, self.constant, self.seen = f"always {constant}", constant, []

    def enough(self, history):
        return ""

    def predict(self, history, horizon):
        self.seen.append(len(history))
        return np.full(horizon, self.constant)


def test_the_better_half_is_ranked_at_the_same_place_of_past_seasons():
    members = tuple(Recorded(constant) for constant in (9.0, 4.0, 7.0, 5.5, 6.0))
    history = History(np.full(26, 5.0), 4)
    half = BetterHalf(members)
    assert [member.constant for member in half.better(history, 3)] == [5.5, 4.0, 6.0]
    assert members[0].seen == [6, 10, 14, 18, 22]
    assert half.predict(history, 3) == pytest.approx(np.full(3, (5.5 + 4 + 6) / 3))


def test_a_horizon_of_more_than_a_season_moves_the_origins_apart():
    member = Recorded(1.0)
    BetterHalf((member,)).better(History(np.full(26, 5.0), 4), 5)
    assert member.seen == [10, 18]


def test_the_better_half_of_a_short_history_is_the_median_of_all():
    half = BetterHalf((Recorded(9.0), Recorded(4.0), Recorded(7.0)))
    history = History(np.full(8, 5.0), 4)  # one season and a quarter are needed before an origin a season back
    assert half.better(history, 3) == ()
    assert half.predict(history, 3).tolist() == [7.0] * 3


def test_the_better_half_drops_who_follows_no_season():
    history = History(np.resize([10.0, 20.0, 30.0, 40.0], 26), 4)
    assert BetterHalf((Naive(), SeasonalNaive())).better(history, 4) == (SeasonalNaive(),)
