"""How far off a forecast may be, from how far off it was: intervals from the backtest's own errors.

Cash comes in jumps, so no distribution is assumed. Errors are arrays of origins x days, actual less predicted; days are
whole weeks (backtest.py sees to it), so that a column is the same weekday at every origin and in the forecast.
"""

from __future__ import annotations

import numpy as np

WEEK = 7
BLOCK = 28  # days drawn together: errors of neighbouring days are not independent
PATHS = 1000
# Below this many errors a weekday, the tails of a weekday are anyone's guess: all days are taken together.
ENOUGH_PER_WEEKDAY = 24


def daily_bounds(errors: np.ndarray, level: int, days: int) -> tuple[np.ndarray, np.ndarray]:
    """The central ``level`` % of errors of each of ``days`` days ahead, as (low <= 0, high >= 0)."""
    tail = (100 - level) / 2
    by_weekday = errors.reshape(-1, WEEK)
    if len(by_weekday) < ENOUGH_PER_WEEKDAY:
        low, high = np.percentile(by_weekday, [tail, 100 - tail])
        low, high = np.full(WEEK, low), np.full(WEEK, high)
    else:
        low, high = np.percentile(by_weekday, [tail, 100 - tail], axis=0)
    return np.resize(np.minimum(low, 0.0), days), np.resize(np.maximum(high, 0.0), days)


def cumulative_bounds(
    errors: np.ndarray, levels: tuple[int, ...], days: int, seed: int
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """The same of the errors' running sum, by level: paths of blocks drawn from the errors (moving block bootstrap)."""
    random = np.random.default_rng(seed)
    origins, length = errors.shape
    block = min(BLOCK, length)
    draws = -(-days // block)
    rows = random.integers(0, origins, size=(PATHS, draws))
    starts = random.integers(0, (length - block) // WEEK + 1, size=(PATHS, draws)) * WEEK
    columns = starts[..., None] + np.arange(block)
    paths = errors[rows[..., None], columns].reshape(PATHS, -1)[:, :days].cumsum(axis=1)
    bounds = {}
    for level in levels:
        tail = (100 - level) / 2
        low, high = np.percentile(paths, [tail, 100 - tail], axis=0)
        bounds[level] = (np.minimum(low, 0.0), np.maximum(high, 0.0))
    return bounds


def coverage(predictions: np.ndarray, errors: np.ndarray, level: int) -> float | None:
    """Share of backtest days within the interval that the other origins' errors give; None below two origins."""
    if len(errors) < 2:
        return None
    inside = []
    for i, prediction in enumerate(predictions):
        low, high = daily_bounds(np.delete(errors, i, axis=0), level, len(prediction))
        actual = prediction + errors[i]
        inside.append((actual >= np.maximum(prediction + low, 0)) & (actual <= prediction + high))
    return float(np.mean(inside))
