"""Seasonal shares and their growth against numbers worked out by hand; the season has four steps, its quarter one."""

from math import log

import numpy as np
import pytest

from tieout.ml.models import History, SeasonalNaive
from tieout.ml.shares import SeasonalShares, expected_growth


def history(*values: float) -> History:
    return History(np.array(values, float), 4)


@pytest.mark.parametrize("scale", [1, 0.5, 3], ids=["same size", "half", "threefold"])
def test_shares_are_averaged_and_the_latest_total_is_kept(scale):
    # shares .1 .2 .3 .4 and .2 .2 .2 .4, weighted 1/3 and 2/3, times 100, however large the season before was
    model = SeasonalShares("shares", decay=0.5, growing=False)
    ahead = model.predict(history(*(scale * np.array([10, 20, 30, 40])), 20, 20, 20, 40), 6)
    assert ahead == pytest.approx([50 / 3, 20, 70 / 3, 40, 50 / 3, 20])


def test_growth_that_went_on_before_goes_on_more_than_by_half():
    # The quarter doubled, and so did the next three steps: slope 1, seen once, against one half, seen three times.
    assert expected_growth(history(10, 20, 30, 40, 20, 40, 60, 80, 40), 3) == pytest.approx(2 ** (2.5 / 4))


def test_growth_that_stopped_before_goes_on_less_than_by_half():
    assert expected_growth(history(10, 20, 30, 40, 20, 20, 30, 40, 40), 3) == pytest.approx(2 ** (1.5 / 4))


def test_growth_without_a_past_goes_on_by_half():
    assert expected_growth(history(10, 20, 30, 40, 15), 3) == pytest.approx(1.5**0.5)


def test_a_quarter_that_grew_tenfold_counts_as_doubled():
    assert expected_growth(history(10, 20, 30, 40, 100), 3) == pytest.approx(2**0.5)


@pytest.mark.parametrize("last", [0, -5])
def test_a_quarter_without_cash_says_nothing_of_growth(last):
    assert expected_growth(history(10, 20, 30, 40, last), 3) == 1.0


def test_growth_moves_every_step():
    still, growing = (SeasonalShares("", 0.5, growing).predict(history(10, 20, 30, 40, 15), 4) for growing in (0, 1))
    assert growing == pytest.approx(still * 1.5**0.5)
    assert still == pytest.approx([20, 30, 40, 15])


def test_a_low_decay_is_the_seasonal_naive():
    values = history(*np.random.default_rng(1).uniform(1, 2, 21))
    nearly = SeasonalShares("", decay=1e-9, growing=False).predict(values, 9)
    assert nearly == pytest.approx(SeasonalNaive().predict(values, 9))


def test_seasons_without_a_total_are_averaged_as_they_are():
    assert SeasonalShares("", 0.5, True).predict(history(3, -3, 6, -6, 9, 0, 3, 0), 4) == pytest.approx([7, -1, 4, -2])


def test_a_season_and_a_quarter_are_needed():
    model = SeasonalShares("", 0.5, True)
    assert model.enough(history(1, 2, 3, 4)) == "needs 5 steps of history, there are 4"
    assert model.enough(history(1, 2, 3, 4, 5)) == ""


def test_only_eight_past_seasons_speak_of_growth():
    # Nine seasons that grew by half, the growth stopping after the first quarter of the tenth and all before it alike.
    steady = [1.5**year for year in range(10) for _ in range(4)]
    changed = [5.0, 1.0, 7.0, 2.0, *steady[4:]]
    assert expected_growth(history(*steady, 1.5**10), 3) == pytest.approx(
        expected_growth(history(*changed, 1.5**10), 3)
    )
    assert log(expected_growth(history(*steady, 1.5**10), 3)) == pytest.approx(log(1.5) * (8 + 1.5) / (8 + 3))
