"""Taking the season out of a series, and putting it back: classical decomposition, where a test finds a season.

Series of positive values are taken apart by ratios (in logs), all others by differences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tieout.ml.models import History, Model

# A season is looked for where it was seen three times.
SEASONS = 3
# One-sided 5 % point of the normal: the M4 competition's test for seasonality.
CRITICAL = 1.645


@dataclass(frozen=True)
class Deseasonalized:
    """A model that sees the series without its season; a series without one goes to the model as it is."""

    inner: Model
    name: str

    def enough(self, history: History) -> str:
        return self.inner.enough(history)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        positive = bool((history.values > 0).all())
        values = np.log(history.values) if positive else history.values
        season = seasonal_pattern(values, history.period, horizon)
        if season is None:
            return self.inner.predict(history, horizon)
        past, ahead = season[: len(history)], season[len(history) :]
        if positive:
            rest = History(np.exp(values - past), history.period, history.first_day)
            return self.inner.predict(rest, horizon) * np.exp(ahead)
        rest = History(values - past, history.period, history.first_day)
        return self.inner.predict(rest, horizon) + ahead


def seasonal_pattern(values: np.ndarray, period: float, horizon: int) -> np.ndarray | None:
    """The seasonal part of each step of ``values`` and of ``horizon`` steps after; None where there is no season."""
    season = round(period)
    if season < 2 or len(values) < SEASONS * season or not is_seasonal(values, season):
        return None
    # Steps near either end have no centred mean, and so no say.
    half = season // 2
    kernel = np.ones(season) / season if season % 2 else np.r_[0.5, np.ones(season - 1), 0.5] / season
    detrended = values[half : len(values) - half] - np.convolve(values, kernel, mode="valid")
    place = (np.arange(len(values) + horizon) % period / period * season).astype(int)
    inside = place[half : len(values) - half]
    seen = np.bincount(inside, minlength=season)
    factors = np.bincount(inside, weights=detrended, minlength=season) / np.maximum(seen, 1)
    return (factors - factors.mean())[place]


def is_seasonal(values: np.ndarray, season: int) -> bool:
    """Whether the changes from step to step correlate with those one season before, beyond chance (5 %)."""
    changes = np.diff(values) - np.diff(values).mean()
    power = float(changes @ changes)
    if power == 0:
        return False
    correlations = np.array([changes[lag:] @ changes[:-lag] for lag in range(1, season + 1)]) / power
    limit = CRITICAL * np.sqrt((1 + 2 * np.sum(correlations[:-1] ** 2)) / len(values))
    return bool(correlations[-1] > limit)
