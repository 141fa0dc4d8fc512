"""Intervals from backtest errors: widths worked out by hand, and coverage of errors that were not seen."""

import numpy as np
import pytest

from tieout.ml.conformal import bounds
from tieout.ml.intervals import Past


def test_one_origin_gives_its_relative_error():
    past = Past(np.full((1, 4), 100.0), np.array([[10.0, -10.0, 10.0, -10.0]]))
    low, high = bounds(np.array([200.0, 200.0, 20.0, 20.0]), past, 80)
    assert low == pytest.approx([180, 180, 18, 18]) and high == pytest.approx([220, 220, 22, 22])


def test_errors_that_grow_by_the_step_widen_by_the_step():
    past = Past(np.zeros((1, 4)), np.array([[1.0, -2.0, 3.0, -4.0]]))
    low, high = bounds(np.full(4, 10.0), past, 80)
    assert low == pytest.approx([9, 8, 7, 6]) and high == pytest.approx([11, 12, 13, 14])


def test_errors_that_shrink_do_not_narrow():
    low, high = bounds(np.zeros(3), Past(np.zeros((1, 3)), np.array([[3.0, 2.0, 1.0]])), 95)
    assert (high - low == 6).all()


def test_origins_that_differ_widen_what_they_give():
    # 10 % off at one origin, 20 % at the other. Pooled, 80 % lie within 20 %. Left out, the second is twice what the
    # first gives, so the interval is doubled.
    past = Past(np.full((2, 4), 100.0), np.array([[10.0] * 4, [-20.0] * 4]))
    low, high = bounds(np.full(4, 100.0), past, 80)
    assert low == pytest.approx(np.full(4, 60.0)) and high == pytest.approx(np.full(4, 140.0))


def test_recent_origins_weigh_more():
    # Four errors of weight 0.7, four of weight 1, and one to come: 45 % of 7.8 are 3.51.
    older, newer = np.full(4, 10.0), np.full(4, 20.0)
    upper = [
        bounds(np.full(4, 100.0), Past(np.full((2, 4), 100.0), np.array(errors)), 45)[1][0]
        for errors in ([older, newer], [newer, older])
    ]
    # 10 % then 20 %: 2.8 lie within 10 %, so the radius is 20 %. Left out, the older is half and the newer twice what
    # the other gives; 45 % of 6.8 are 3.06, which the older's 2.8 do not hold: doubled.
    # 20 % then 10 %: 4 lie within 10 %. Left out, the newer is half of what the other gives, which 4 hold: halved.
    assert upper == pytest.approx([140, 105])


def test_no_error_ever_gives_no_width():
    low, high = bounds(np.full(3, 5.0), Past(np.full((3, 3), 5.0), np.zeros((3, 3))), 95)
    assert low.tolist() == high.tolist() == [5.0] * 3


@pytest.mark.parametrize("level", [80, 95])
def test_random_walks_are_covered_as_the_level_says(level):
    random = np.random.default_rng(1)
    inside = []
    for _ in range(400):
        errors = random.normal(0, 10, (9, 13)).cumsum(axis=1)
        low, high = bounds(np.full(13, 1e6), Past(np.full((8, 13), 1e6), errors[:8]), level)
        inside.append((low <= 1e6 + errors[8]) & (1e6 + errors[8] <= high))
    by_step = 100 * np.mean(inside, axis=0)
    assert np.mean(by_step) == pytest.approx(level, abs=4)
    assert by_step == pytest.approx(np.full(13, level), abs=12)
