"""Autoregression: each step as a linear function of the steps before it, its order chosen by AIC (statsmodels).

Positive series are modelled in logs. The lags are the last ``max_lag`` steps and, where the series holds three seasons,
the step one season before.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial

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
        from statsmodels.tsa.ar_model import AutoReg

        positive = bool((history.values > 0).all())
        level = np.log(history.values) if positive else history.values
        series = np.diff(level) if self.differenced else level
        with warnings.catch_warnings():
            # Lags of a constant or a line say the same as the constant term: then any fit of them will do.
            warnings.simplefilter("ignore")
            lags, held_back = _lags(series, self.max_lag, history.season)
            ahead = AutoReg(series, list(lags) or 0, hold_back=held_back).fit().forecast(horizon)
        if self.differenced:
            ahead = level[-1] + np.cumsum(ahead)
        # An explosive fit must not run away: twice the range ever seen is as far as a forecast may go.
        span = level.max() - level.min()
        ahead = np.clip(ahead, level.min() - span, level.max() + span)
        return np.exp(ahead) if positive else ahead


def _lags(series: np.ndarray, max_lag: int, season: int) -> tuple[tuple[int, ...], int]:
    """Those of the smallest AIC, and the steps that every fit held back: over other steps AIC could not be compared."""
    from statsmodels.tsa.ar_model import ar_select_order

    most = min(max_lag, len(series) // 6)
    seasonal = max_lag < season < len(series) / 3
    held_back = season if seasonal else most
    select = partial(ar_select_order, series, most, ic="aic", hold_back=held_back)
    choices = [(aic, lags or ()) for lags, aic in select().aic.items()]
    if seasonal:
        before = np.r_[np.zeros(season), series[:-season]]
        choices += [(aic, (*(lags or ()), season)) for lags, aic in select(exog=before).aic.items()]
    return min(choices)[1], held_back
