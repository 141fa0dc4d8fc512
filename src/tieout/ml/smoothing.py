"""Exponential smoothing: simple, with a damped trend, and Theta, as statsmodels fits them.

Values are fitted in units of their usual change from step to step, so that the unit of the input does not matter to an
optimizer that looks for parameters and first states at once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tieout.ml.models import History, lacks

MIN_STEPS = 12


@dataclass(frozen=True)
class Ses:
    """Simple exponential smoothing."""

    name: str = "ses"

    def enough(self, history: History) -> str:
        return lacks(history, MIN_STEPS)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        from statsmodels.tsa.holtwinters import SimpleExpSmoothing

        return _scaled(
            lambda values: SimpleExpSmoothing(values, initialization_method="estimated").fit().forecast(horizon),
            history.values,
            horizon,
        )


@dataclass(frozen=True)
class DampedTrend:
    """Holt's trend, damped by 0.8 to 0.98 a step: ETS(A,Ad,N)."""

    name: str = "damped_trend"

    def enough(self, history: History) -> str:
        return lacks(history, 2 * MIN_STEPS)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        from statsmodels.tsa.exponential_smoothing.ets import ETSModel

        return _scaled(
            lambda values: ETSModel(values, trend="add", damped_trend=True).fit(disp=False).forecast(horizon),
            history.values,
            horizon,
        )


@dataclass(frozen=True)
class Theta:
    """The Theta method (Assimakopoulos and Nikolopoulos, 2000)."""

    name: str = "theta"

    def enough(self, history: History) -> str:
        return lacks(history, MIN_STEPS)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        from statsmodels.tsa.forecasting.theta import ThetaModel

        return _scaled(
            lambda values: ThetaModel(values, period=1, deseasonalize=False).fit().forecast(horizon),
            history.values,
            horizon,
        )


def _scaled(forecast: Callable[[np.ndarray], np.ndarray], values: np.ndarray, horizon: int) -> np.ndarray:
    """The forecast in units of the input; a constant, which leaves nothing to fit, goes on."""
    scale = float(np.abs(np.diff(values)).mean())
    if scale == 0:
        return np.full(horizon, values[-1])
    with warnings.catch_warnings():
        # An optimizer that stops early says so; its forecast competes with the others all the same.
        warnings.simplefilter("ignore")
        return values[0] + scale * np.asarray(forecast((values - values[0]) / scale))
