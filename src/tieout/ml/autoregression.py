"""Autoregression: each step as a linear function of the steps before it, its order chosen by AIC.

Positive series are modelled in logs. The lags are the last ``max_lag`` steps and, where the series holds three seasons,
the step one season before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tieout.ml.models import History, lacks

MIN_STEPS = 24


@dataclass(frozen=True)
class Autoregression:
    """differenced: model the changes from step to step (a series that wanders), not the values (one that returns)."""

    name: str
    differenced: bool
    max_lag: int = 8

    def enough(self, history: History) -> str:
        return lacks(history, MIN_STEPS)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        positive = bool((history.values > 0).all())
        level = np.log(history.values) if positive else history.values
        series = np.diff(level) if self.differenced else level
        centre = 0.0 if self.differenced else float(series.mean())
        lags, constant, weights = _fit(series - centre, self.max_lag, history.season)
        path = list(series - centre)
        for _ in range(horizon):
            path.append(constant + sum(w * path[-lag] for w, lag in zip(weights, lags, strict=True)))
        ahead = np.array(path[-horizon:]) + centre
        if self.differenced:
            ahead = level[-1] + np.cumsum(ahead)
        # An explosive fit must not run away: twice the range ever seen is as far as a forecast may go.
        span = level.max() - level.min()
        ahead = np.clip(ahead, level.min() - span, level.max() + span)
        return np.exp(ahead) if positive else ahead


def _fit(series: np.ndarray, max_lag: int, season: int) -> tuple[tuple[int, ...], float, np.ndarray]:
    """(lags, constant, weights) of the least squares fit with the smallest AIC, all fits over the same steps."""
    steps = len(series)
    orders = range(min(max_lag, steps // 6) + 1)
    seasonal = ((season,),) if max_lag < season < steps / 3 else ()
    choices = [(*range(1, order + 1), *extra) for order in orders for extra in ((), *seasonal)]
    start = max((max(lags) for lags in choices if lags), default=0)
    target = series[start:]
    best: tuple[float, tuple[int, ...], np.ndarray] | None = None
    for lags in choices:
        design = np.column_stack([np.ones(len(target)), *(series[start - lag : steps - lag] for lag in lags)])
        weights = np.linalg.lstsq(design, target, rcond=None)[0]
        variance = float(np.mean((target - design @ weights) ** 2))
        aic = len(target) * np.log(max(variance, 1e-300)) + 2 * (len(lags) + 2)
        if best is None or aic < best[0]:
            best = (aic, lags, weights)
    assert best is not None  # order 0 is always a choice
    return best[1], float(best[2][0]), best[2][1:]
