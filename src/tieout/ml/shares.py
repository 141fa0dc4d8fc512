"""The share that each step has of its season, times the season's total: for series with a strong season.

Steps back from the history's end make up its seasons, so that the latest one is always whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tieout.ml.models import History, lacks

# A quarter that halved or doubled says that something else happened: growth is believed up to here.
MAX_GROWTH = 2.0
# What a series' own past says of its growth is weighed against "half of it goes on" as if that had been seen 3 times.
PRIOR_WEIGHT = 0.5
PRIOR_SEASONS = 3
MAX_SEASONS = 8


@dataclass(frozen=True)
class SeasonalShares:
    """The latest season's total times each step's mean share of past seasons, in units of the history.

    decay: weight of a season's shares relative to the season after it, above 0 and up to 1; the lower, the sooner a new
    pattern is followed. growing: whether growth since the last season goes on, by as much as it did in the past.
    Where a season's total is not positive there are no shares: the steps themselves are averaged, without growth.
    """

    name: str
    decay: float
    growing: bool

    def enough(self, history: History) -> str:
        return lacks(history, history.season + quarter(history.season))

    def predict(self, history: History, horizon: int) -> np.ndarray:
        season = history.season
        count = len(history) // season
        past = history.values[-count * season :].reshape(count, season)
        weights = self.decay ** np.arange(count)[::-1]
        weights /= weights.sum()
        totals = past.sum(axis=1, keepdims=True)
        if (totals <= 0).any():
            return np.resize(weights @ past, horizon)
        growth = expected_growth(history, horizon) if self.growing else 1.0
        return np.resize(weights @ (past / totals) * totals[-1] * growth, horizon)


def expected_growth(history: History, horizon: int) -> float:
    """How many times its value one season before the horizon's total is expected to be.

    The logarithm of the last quarter's growth on the same quarter a season before, times a weight: the slope of later
    on earlier growth over up to eight past seasons (ridge regression through the origin towards PRIOR_WEIGHT), within
    0 and 1.
    """
    season, steps = history.season, quarter(history.season)
    span = min(horizon, season)
    latest = _log_growth(history.values, len(history) - steps, steps, season)
    ends = range(len(history) - season, season + steps - 1, -season)
    pairs = [
        (
            _log_growth(history.values, end - steps, steps, season),
            _log_growth(history.values, end, span, season),
        )
        for end in list(ends)[:MAX_SEASONS]
    ]
    seen = np.array(pairs).reshape(-1, 2)
    ridge = PRIOR_SEASONS * float(np.mean([*seen[:, 0] ** 2, latest**2]))
    if ridge == 0:
        return 1.0
    weight = (seen[:, 0] @ seen[:, 1] + ridge * PRIOR_WEIGHT) / (seen[:, 0] @ seen[:, 0] + ridge)
    return float(np.exp(latest * np.clip(weight, 0, 1)))


def quarter(season: int) -> int:
    """A quarter of a season in whole steps, at least one."""
    return max(round(season / 4), 1)


def _log_growth(values: np.ndarray, start: int, steps: int, season: int) -> float:
    """Log of the total of ``steps`` steps from ``start`` over that of the same steps a season before, bounded."""
    now, before = values[start : start + steps].sum(), values[start - season : start - season + steps].sum()
    if now <= 0 or before <= 0:
        return 0.0
    return float(np.clip(np.log(now / before), -np.log(MAX_GROWTH), np.log(MAX_GROWTH)))
