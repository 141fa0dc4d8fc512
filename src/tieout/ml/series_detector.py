"""What is out of the ordinary in a regular series, each point judged by its past alone.

How it goes. Several candidates each expect the next point: a level (the median of the last few points, so that a spike
does not move it and a shift does, soon) plus the effects of a season (the median of the last points of the same
season). Seasons come from the calendar (time of day, time of week, weekday, edge of the month) and from the
autocorrelation of the past. The candidate that was off least lately is believed. A point's score is how far off it is,
measured by how far off that candidate usually is.

Everything is medians of windows over whole columns: no model is fitted to a point, and no point sees its future.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# Points that must have been expected before one is judged; fewer do not show what is usual.
MIN_PAST = 28

_DAY = 86_400
_SATURDAY, _SUNDAY = 5, 6
# Levels to expect from: a short one follows a shift within days, a long one keeps still in noise.
_LEVELS = (7, 28)
# An effect is the median of at most so many points of the same season, and none below the least.
_SEASON_POINTS, _SEASON_LEAST = 16, 3
# How long an error is remembered, both to choose a candidate and to know what is usual.
_MEMORY = 192
# A window that seasons are measured against holds one of the longest, within reason.
_TREND_MOST = 400
# Errors beyond so many usual distances from the median count as that in choosing: one spike must not choose.
_CLIP = 10.0
# A normal deviate lies within 3 standard deviations; where the past had longer tails, they count instead, by its ninth
# decile, which the rare anomaly among the past's errors does not move. The same point is 1.82 ninth deciles for a
# normal deviate and 1.99 for Student's t of five degrees; cash is between them.
_USUAL_DEVIATION, _DECILE_TO_EDGE = 3.0, 1.9
_MAD_TO_DEVIATION = 1.4826
# The past is searched for a period whenever it has doubled.
_FIRST_SEARCH = 64
_LEAST_CORRELATION = 0.3
# Below this share of its size a difference is the arithmetic's.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Judged:
    """Arrays of one length. score: 0 to 1, 0.5 at the edge of the usual, 0.8 at twice as far; 0 where nothing can be
    said. level and season add up to what was expected, NaN where nothing was. spread is the usual deviation, edge how
    far off a point may be and still be usual."""

    score: np.ndarray
    level: np.ndarray
    season: np.ndarray
    spread: np.ndarray
    edge: np.ndarray


def anomaly_scores(
    timestamps: Sequence[object] | np.ndarray,
    values: Sequence[float] | np.ndarray,
    holidays: Collection[date] = (),
) -> np.ndarray:
    """How unusual each point is, float64[n] in 0 to 1, by the points before it alone.

    timestamps: n dates, datetimes or datetime64, rising, one step apart (a gap is allowed). values: n floats, NaN where
    one is missing. holidays: days on which others rest; where the series was seen to, they are judged as Sundays. A
    missing point, and the first MIN_PAST, score 0. Raises ValueError where the two differ in length, timestamps do not
    rise, or a value is infinite.
    """
    return judge(timestamps, values, holidays).score


def judge(
    timestamps: Sequence[object] | np.ndarray,
    values: Sequence[float] | np.ndarray,
    holidays: Collection[date] = (),
) -> Judged:
    """As anomaly_scores, with what was expected of each point."""
    seconds = np.asarray(timestamps, dtype="datetime64[s]").astype(np.int64)
    x = np.asarray(values, dtype=np.float64)
    if seconds.shape != x.shape or x.ndim != 1:
        raise ValueError(f"{len(seconds)} timestamps and {len(x)} values: give one value a timestamp, NaN for none")
    if (np.diff(seconds) <= 0).any():
        raise ValueError("timestamps do not rise: sort them, and give each once")
    if np.isinf(x).any():
        raise ValueError("a value is infinite: give NaN where there is none")
    if np.count_nonzero(~np.isnan(x)) <= MIN_PAST:
        nothing = np.full(len(x), np.nan)
        return Judged(np.zeros(len(x)), nothing, nothing, nothing, nothing)
    # Known from the start: a step measured over the whole series would let the future in.
    step = int(np.median(np.diff(seconds[: MIN_PAST + 1])))
    centered = x - _trailing_median(x, min(max(7 * _DAY // step, MIN_PAST), _TREND_MOST), include=True)
    limit = _CLIP * _trailing_median(np.abs(centered), _MEMORY)
    levels, seasons, errors = [], [], []
    weekday = _weekday(seconds // _DAY)
    if holidays:
        off = np.isin(seconds // _DAY, np.array(list(holidays), "datetime64[D]").astype(np.int64))
        weekday = np.where(_kept(centered, weekday, off & (weekday < _SATURDAY)), _SUNDAY, weekday)
    for season in _seasons(seconds, step, x, centered, weekday):
        rest = x - season
        for window in _LEVELS:
            level = _trailing_median(rest, window)
            levels.append(level)
            seasons.append(season)
            errors.append(_without_rounding(rest - level, x))
    # Days of rest vary less than others: each kind of day is measured by its own errors.
    resting = weekday >= _SATURDAY if step == _DAY else np.zeros(len(x), bool)
    return _judged(levels, seasons, errors, limit, resting)


def _judged(
    levels: list[np.ndarray],
    seasons: list[np.ndarray],
    errors: list[np.ndarray],
    limit: np.ndarray,
    resting: np.ndarray,
) -> Judged:
    rows = np.arange(len(limit))
    costs = np.stack([_trailing_mean(np.fmin(np.abs(error), limit)) for error in errors])
    # Of equals the first is taken, which is the simplest.
    chosen = np.argmin(np.where(np.isnan(costs), np.inf, costs), axis=0)
    error = np.stack(errors)[chosen, rows]
    spread, edge, past = (np.full(len(limit), np.nan) for _ in range(3))
    for candidate in np.unique(chosen):
        at = np.flatnonzero(chosen == candidate)
        size = np.abs(errors[candidate])
        past[at] = np.count_nonzero(~np.isnan(_windows(size, _MEMORY)[at]), axis=1)
        for rests in (False, True):
            alike = np.where(resting == rests, size, np.nan)
            mine = at[resting[at] == rests]
            enough = np.count_nonzero(~np.isnan(_windows(alike, _MEMORY)[mine]), axis=1) >= MIN_PAST
            for points, sizes in ((mine[enough], alike), (mine[~enough], size)):
                spread[points], edge[points] = _usual(sizes, points)
    known = (past >= MIN_PAST) & ~np.isnan(error)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(error == 0, 0.0, np.abs(error) / edge)
        # A series that never moved before has no usual deviation: that it moves is as unusual as can be.
        score = np.where(np.isinf(ratio), 1.0, ratio**2 / (1 + ratio**2))
    return Judged(
        score=np.where(known, score, 0.0),
        level=np.stack(levels)[chosen, rows],
        season=np.stack(seasons)[chosen, rows],
        spread=spread,
        edge=edge,
    )


def _usual(size: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(usual deviation, edge of the usual) of the errors before each of the points ``at``.

    An error of nothing says only that nothing moved: what is usual when something moves, the others say. Both are 0
    where there are no others.
    """
    windows = _windows(size, _MEMORY)[at]
    moved = np.sort(np.where(windows > 0, windows, np.nan), axis=1)
    count = np.count_nonzero(~np.isnan(moved), axis=1)
    rows = np.arange(len(at))
    last = np.maximum(count - 1, 0)
    middle = np.where(count > 0, _middle(moved, count), 0.0)
    decile = np.where(count > 0, moved[rows, np.ceil(0.9 * last).astype(np.intp)], 0.0)
    spread = _MAD_TO_DEVIATION * middle
    return spread, np.maximum(_USUAL_DEVIATION * spread, _DECILE_TO_EDGE * decile)


def _seasons(
    seconds: np.ndarray, step: int, x: np.ndarray, centered: np.ndarray, weekday: np.ndarray
) -> Iterator[np.ndarray]:
    """What each season adds to a point, one array a candidate, the simplest first. 0 where it is not known yet."""
    yield np.zeros(len(x))
    day, moment = seconds // _DAY, seconds % _DAY
    if step < _DAY:
        slot = moment // step
        yield _effects(centered, slot)
        yield _effects(centered, weekday * _DAY + slot)
    if step <= _DAY:
        week = _effects(centered, weekday)
        edge = _month_edge(day)
        yield week
        yield _effects(centered, edge)
        yield week + _effects(centered - week, edge)
    yield _found_seasons(x, centered)


def _weekday(day: np.ndarray) -> np.ndarray:
    """0 for Monday to 6 for Sunday; day counts from 1970-01-01."""
    return (day + 3) % 7


def _kept(centered: np.ndarray, weekday: np.ndarray, off: np.ndarray) -> np.ndarray:
    """Which of the holidays ``off`` are kept: most of the last _SEASON_POINTS before, and at least _SEASON_LEAST, were
    nearer to what a Sunday brings than to what their weekday does. Not every business rests when its country does."""
    effects = _effects(centered, weekday)
    sundays = np.flatnonzero(weekday == _SUNDAY)
    kept, votes = np.zeros(len(off), bool), []
    for at in np.flatnonzero(off).tolist():
        last = votes[-_SEASON_POINTS:]
        kept[at] = len(last) >= _SEASON_LEAST and 2 * sum(last) > len(last)
        before = sundays[: np.searchsorted(sundays, at)]
        if len(before) and not np.isnan(centered[at]):
            votes.append(abs(centered[at] - effects[before[-1]]) < abs(centered[at] - effects[at]))
    return kept


def _effects(centered: np.ndarray, label: np.ndarray) -> np.ndarray:
    """For each point the median of the last ones with its label; 0 for a negative label or with too few."""
    order = np.argsort(label, kind="stable")
    ordered, labels = centered[order], label[order]
    back = np.full((len(centered), _SEASON_POINTS), np.nan)
    for i in range(1, min(_SEASON_POINTS, len(centered) - 1) + 1):
        back[i:, i - 1] = np.where(labels[i:] == labels[:-i], ordered[:-i], np.nan)
    back.sort(axis=1)
    count = np.count_nonzero(~np.isnan(back), axis=1)
    effects = np.empty(len(centered))
    effects[order] = np.where((count >= _SEASON_LEAST) & (labels >= 0), _middle(back, count), 0.0)
    return effects


def _month_edge(day: np.ndarray) -> np.ndarray:
    """1 to 3 for the last working days of a month, 4 and 5 for its first two, -1 for every other day."""
    days = day.astype("datetime64[D]")
    month = days.astype("datetime64[M]")
    to_end = np.busday_count(days, (month + 1).astype("datetime64[D]"))
    from_start = np.busday_count(month.astype("datetime64[D]"), days + 1)
    edge = np.where(to_end <= 3, to_end, np.where(from_start <= 2, from_start + 3, -1))
    return np.where(np.is_busday(days), edge, -1)


def _found_seasons(x: np.ndarray, centered: np.ndarray) -> np.ndarray:
    """The effects of the period that the past's autocorrelation shows, searched anew whenever the past has doubled."""
    effects = np.zeros(len(x))
    known = _FIRST_SEARCH
    while known < len(x):
        until = min(2 * known, len(x))
        if period := _period(centered[:known]):
            against = x[:until] - _trailing_median(x[:until], period, include=True)
            effects[known:until] = _effects(against, np.arange(until) % period)[known:]
        known *= 2
    return effects


def _period(centered: np.ndarray) -> int:
    """The shortest of the periods that correlate best, 0 for none. centered may hold NaN."""
    spread = _MAD_TO_DEVIATION * np.nanmedian(np.abs(centered))
    if not spread > 0:
        return 0
    clipped = np.nan_to_num(np.clip(centered, -3 * spread, 3 * spread))
    clipped -= clipped.mean()
    size = len(clipped)
    spectrum = np.abs(np.fft.rfft(clipped, 2 * size)) ** 2
    correlation = np.fft.irfft(spectrum)[: min(size // 4, _TREND_MOST) + 2]
    if not correlation[0] > 0:
        return 0
    # Fewer products are summed at a longer lag: as means they can be compared.
    correlation = correlation / correlation[0] * size / (size - np.arange(len(correlation)))
    inner = correlation[2:-1]
    peaks = 2 + np.flatnonzero((inner > correlation[1:-2]) & (inner >= correlation[3:]) & (inner > _LEAST_CORRELATION))
    if not len(peaks):
        return 0
    return int(peaks[correlation[peaks] >= 0.9 * correlation[peaks].max()][0])


def _windows(values: np.ndarray, window: int, include: bool = False) -> np.ndarray:
    """float64[n, window]: the values before each point, NaN before the first; with ``include``, up to the point."""
    padded = np.concatenate([np.full(window - include, np.nan), values])
    return sliding_window_view(padded, window)[: len(values)]


def _trailing_median(values: np.ndarray, window: int, include: bool = False) -> np.ndarray:
    ordered = np.sort(_windows(values, window, include), axis=1)
    return _middle(ordered, np.count_nonzero(~np.isnan(ordered), axis=1))


def _middle(ordered: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The medians of rows sorted with NaN last, of which the first ``count`` are numbers; NaN where none is."""
    rows = np.arange(len(ordered))
    return (
        ordered[rows, np.maximum(count - 1, 0) // 2] + ordered[rows, np.minimum(count // 2, count - (count > 0))]
    ) / 2


def _trailing_mean(values: np.ndarray) -> np.ndarray:
    """Mean of the last _MEMORY values before each point, without NaN; NaN where there are none."""
    known = ~np.isnan(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    until = np.arange(len(values))
    since = np.maximum(until - _MEMORY, 0)
    counted = count[until] - count[since]
    return np.divide(total[until] - total[since], counted, out=np.full(len(values), np.nan), where=counted > 0)


def _without_rounding(error: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(error) <= _ROUNDING * np.abs(x), 0.0, error)
