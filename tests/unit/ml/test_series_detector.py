"""The series detector against series made here, with spikes and shifts put in: what was put in is the truth."""

import time
from datetime import date, timedelta

import numpy as np
import pytest

from tieout.ml.series_detector import MIN_PAST, anomaly_scores, judge

DAYS = np.datetime64("2020-01-01") + np.arange(1100)
WEEKDAY = (DAYS.astype(int) + 3) % 7
WEEK = np.array([100.0, 90, 95, 110, 130, 10, 5])[WEEKDAY]
MINUTES = np.datetime64("2020-01-01T00:00") + 5 * np.arange(20_000).astype("timedelta64[m]")
HIGH = 0.8
# Seasons must have been seen before they can be expected.
LEARNT = 150


def daily(seed: int) -> np.ndarray:
    return WEEK + np.random.default_rng(seed).normal(0, 8, len(DAYS))


def with_spikes(values: np.ndarray, count: int, size: float, seed: int) -> tuple[np.ndarray, set[int]]:
    chance = np.random.default_rng(1000 + seed)
    at = chance.choice(np.arange(LEARNT, len(values)), count, replace=False)
    spiked = values.copy()
    spiked[at] += size * chance.choice([-1, 1], count)
    return spiked, set(at.tolist())


def flagged(timestamps, values) -> set[int]:
    return {int(at) for at in np.flatnonzero(anomaly_scores(timestamps, values) >= HIGH) if at >= LEARNT}


def test_the_future_does_not_change_a_score():
    values, _ = with_spikes(daily(1), 20, 80, 1)
    values[500:510] = np.nan
    whole = anomaly_scores(DAYS, values)
    for cut in (MIN_PAST + 2, 65, 129, 400, 505, 700):
        other = values.copy()
        other[cut:] = 1e6 - 7 * other[cut:]
        assert anomaly_scores(DAYS, other)[:cut].tolist() == whole[:cut].tolist(), cut
        assert anomaly_scores(DAYS[:cut], values[:cut]).tolist() == whole[:cut].tolist(), cut


@pytest.mark.parametrize("seed", range(5))
def test_spikes_on_a_weekly_rhythm(seed):
    values, truth = with_spikes(daily(seed), 15, 80, seed)
    found = flagged(DAYS, values)
    assert len(found & truth) >= 0.9 * len(truth)
    assert len(found & truth) >= 0.9 * len(found)


@pytest.mark.parametrize("period", [37, 288], ids=["no_calendar_has_it", "a_day_of_five_minutes"])
def test_spikes_on_a_period_that_it_has_to_find(period):
    chance = np.random.default_rng(period)
    season = 50 + 30 * np.sin(np.arange(5000) * 2 * np.pi / period)
    # within what the season itself moves by: only who knows the season sees it
    values, truth = with_spikes(season + chance.normal(0, 2, 5000), 30, 25, period)
    late = {at for at in truth if at >= 8 * period}
    found = {at for at in flagged(MINUTES[:5000], values) if at >= 8 * period}
    assert len(found & late) >= 0.9 * len(late) and len(late) > 10
    assert len(found & late) >= 0.9 * len(found)


def test_a_level_shift_is_told_once_and_then_is_the_level():
    values, shifts = daily(3), (300, 600, 900)
    for shift in shifts:
        values[shift:] += 120
    found = flagged(DAYS, values)
    assert set(shifts) <= found
    assert all(any(shift <= at <= shift + 4 for shift in shifts) for at in found)


def test_the_last_working_day_of_a_month_is_a_season():
    next_month = (DAYS.astype("datetime64[M]") + 1).astype("datetime64[D]")
    last = np.is_busday(DAYS) & (np.busday_count(DAYS, next_month) == 1)
    values = daily(4) + np.where(last, 300, 0)
    assert flagged(DAYS[200:], values[200:]) == set()
    # the same amount in the middle of a month is none
    values[500] += 300
    assert not last[500] and flagged(DAYS, values) >= {500}


@pytest.mark.parametrize("seed", range(5))
def test_noise_raises_next_to_nothing(seed):
    assert len(flagged(DAYS, daily(seed))) <= 1
    chance = np.random.default_rng(seed)
    assert len(flagged(DAYS, np.where(chance.random(1100) < 0.1, chance.lognormal(5, 0.7, 1100), 0))) <= 5


def test_a_constant_series_is_ordinary_until_it_moves():
    values = np.full(300, 7.1)
    assert anomaly_scores(DAYS[:300], values).tolist() == [0.0] * 300
    values[200] = 9
    assert np.flatnonzero(anomaly_scores(DAYS[:300], values)).tolist() == [200]


def test_missing_values_score_nothing_and_do_not_hide_what_follows():
    values, _ = with_spikes(daily(5), 0, 0, 5)
    values[300:340] = np.nan
    values[::11] = np.nan
    values[345] += 200
    scores = anomaly_scores(DAYS, values)
    assert not scores[np.isnan(values)].any() and not np.isnan(scores).any()
    assert scores[345] >= HIGH
    assert anomaly_scores(DAYS, np.full(len(DAYS), np.nan)).tolist() == [0.0] * len(DAYS)


@pytest.mark.parametrize("length", [0, 1, 2, MIN_PAST])
def test_a_short_series_is_not_judged(length):
    values = np.arange(length, dtype=float) ** 3
    assert anomaly_scores(DAYS[:length], values).tolist() == [0.0] * length


def test_scores_stay_in_their_range_and_do_not_hang_on_unit_or_sign():
    values, _ = with_spikes(daily(6), 10, 500, 6)
    scores = anomaly_scores(DAYS, values)
    assert scores.min() >= 0 and scores.max() <= 1
    np.testing.assert_allclose(anomaly_scores(DAYS, -1024 * values), scores, atol=1e-6)


def test_what_was_expected_stands_beside_the_score():
    judged = judge([date(2020, 1, 1) + timedelta(days=i) for i in range(1100)], daily(7))
    off = (judged.level + judged.season - WEEK)[LEARNT:]
    assert np.abs(off).mean() < 8  # the noise's own deviation
    assert 5 < np.median(judged.spread[LEARNT:]) < 15


@pytest.mark.parametrize(
    ("timestamps", "values", "message"),
    [
        (DAYS[:3], [1.0, 2.0], "3 timestamps and 2 values"),
        (DAYS[[1, 0]], [1.0, 2.0], "do not rise"),
        (DAYS[[1, 1]], [1.0, 2.0], "do not rise"),
        (DAYS[:2], [1.0, float("inf")], "infinite"),
    ],
)
def test_what_is_no_series_is_refused(timestamps, values, message):
    with pytest.raises(ValueError, match=message):
        anomaly_scores(timestamps, values)


def test_twenty_thousand_points_take_seconds():
    chance = np.random.default_rng(8)
    began = time.process_time()
    anomaly_scores(MINUTES, chance.normal(size=20_000))
    assert time.process_time() - began < 10


def test_a_holiday_is_judged_as_a_sunday():
    days = [date(2024, 1, 1) + timedelta(days=i) for i in range(730)]
    off = [day for day in days if day.day == 14 and day.weekday() < 5]
    chance = np.random.default_rng(5)
    values = np.array([100.0 if day.weekday() < 5 and day not in off else 5.0 for day in days])
    values += chance.normal(0, 2, len(days))
    later = [at for at, day in enumerate(days) if day in off and at > 200]
    assert len(later) > 8
    assert (anomaly_scores(days, values)[later] > 0.8).all()
    assert (anomaly_scores(days, values, off)[later] < 0.8).all()
    busy = later[-1]
    values[busy] = 100.0
    assert anomaly_scores(days, values, off)[busy] > 0.8
