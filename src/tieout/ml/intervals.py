"""How far off a forecast may be, from how far off it was: intervals from the backtest's own errors.

Cash comes in jumps and on few days, so no distribution is assumed. Errors are arrays of origins x days, actual less
predicted; days are whole weeks (cash.py sees to it), so that a column is the same weekday at every origin and in the
forecast. An interval always holds the expected value itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WEEK = 7
BLOCK = 28  # days drawn together: errors of neighbouring days are not independent
PATHS = 1000
# Below this many errors a weekday, the tails of a weekday are anyone's guess: all days are taken together.
ENOUGH_PER_WEEKDAY = 24


@dataclass(frozen=True)
class Past:
    """What a model predicted and how far off it was, origins x days each."""

    predictions: np.ndarray
    errors: np.ndarray

    def without(self, origin: int) -> Past:
        return Past(np.delete(self.predictions, origin, axis=0), np.delete(self.errors, origin, axis=0))

    def minus(self, other: Past) -> Past:
        """Of the difference of two flows, day by day. A past of fewer days is repeated: it is that of a flow whose
        errors are all alike."""
        longer = max(self.errors.shape, other.errors.shape, key=np.prod)
        mine, theirs = (Past(np.resize(p.predictions, longer), np.resize(p.errors, longer)) for p in (self, other))
        return Past(mine.predictions - theirs.predictions, mine.errors - theirs.errors)


def daily_bounds(expected: np.ndarray, past: Past, level: int, floor: float = -np.inf) -> tuple[np.ndarray, np.ndarray]:
    """(low, high) of ``level`` % of each expected day: the central ones, or the lowest where the floor is among them.

    A past error moves the expected value by as much; a past day on which nothing moved stands for nothing moving.
    """
    tail = (100 - level) / 2
    errors = past.errors.reshape(-1, WEEK)
    quiet = (past.predictions + past.errors).reshape(-1, WEEK) == 0
    if len(errors) < ENOUGH_PER_WEEKDAY:
        errors, quiet = np.tile(errors.reshape(-1, 1), WEEK), np.tile(quiet.reshape(-1, 1), WEEK)
    weekday = np.arange(len(expected)) % WEEK
    outcomes = np.where(quiet[:, weekday], 0.0, np.maximum(expected + errors[:, weekday], floor))
    low = np.percentile(outcomes, tail, axis=0, method="lower")
    central = np.percentile(outcomes, 100 - tail, axis=0, method="higher")
    # Nothing lies below an interval that starts at the floor, so all that may lie outside it lies above.
    high = np.where(low > floor, central, np.percentile(outcomes, level, axis=0, method="higher"))
    return np.minimum(low, expected), np.maximum(high, expected)


def cumulative_bounds(
    errors: np.ndarray, levels: tuple[int, ...], days: int, seed: int
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """(low <= 0, high >= 0) of the errors' running sum, by level: paths of blocks drawn from the errors (moving block
    bootstrap, Künsch 1989)."""
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


def coverage(past: Past, level: int) -> float | None:
    """Share of backtest days within the interval that the other origins' errors give; None below two origins."""
    if len(past.errors) < 2:
        return None
    inside = []
    for i, (prediction, error) in enumerate(zip(past.predictions, past.errors, strict=True)):
        low, high = daily_bounds(prediction, past.without(i), level, floor=0.0)
        actual = prediction + error
        # The sum of prediction and error is off by a rounding from what was: the bounds are not that sharp either.
        slack = 1e-9 * np.maximum(np.abs(prediction), np.abs(error))
        inside.append((actual >= low - slack) & (actual <= high + slack))
    return float(np.mean(inside))
