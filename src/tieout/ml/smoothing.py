"""Exponential smoothing: simple, with a damped trend, and Theta.

Each is an innovations state space model (Hyndman et al., 2008): y_t = w x_{t-1} + e_t, x_t = F x_{t-1} + g e_t. Its
one-step errors are a linear filter of the series, e = A(B) / C(B) y with A = det(I - F B), C = det(I - (F - g w) B), so
that a whole series is one call of lfilter and the least squares fit takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tieout.ml.models import History, Remembered, lacks

MIN_STEPS = 12
# Errors of the first steps, before the filter has forgotten where it started, do not count.
WARM_UP = 8

Filter = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Ses:
    """Simple exponential smoothing."""

    name: str = "ses"

    def enough(self, history: History) -> str:
        return lacks(history, MIN_STEPS)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        return _smooth(history.values, _simple, ((0.1,), (0.5,), (0.95,)), horizon)


# One fit serves wherever the same values are smoothed again: by Theta and by SES itself.
SES = Remembered(Ses())


@dataclass(frozen=True)
class DampedTrend:
    """Holt's trend, damped by 0.8 to 0.98 a step (ETS(A,Ad,N))."""

    name: str = "damped_trend"

    def enough(self, history: History) -> str:
        return lacks(history, 2 * MIN_STEPS)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        return _smooth(history.values, _damped, ((0.8, 0.1, 0.95), (0.2, 0.05, 0.9)), horizon)


@dataclass(frozen=True)
class Theta:
    """The Theta method: simple smoothing with half of the linear trend (Hyndman and Billah, 2003)."""

    name: str = "theta"

    def enough(self, history: History) -> str:
        return lacks(history, MIN_STEPS)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        slope = np.polyfit(np.arange(len(history)), history.values, 1)[0]
        return SES.predict(history, horizon) + slope / 2 * np.arange(1, horizon + 1)


def _simple(parameters: np.ndarray) -> Filter | None:
    (alpha,) = parameters
    if not 0 < alpha <= 1:
        return None
    return np.array([1.0, -1.0]), np.array([1.0, alpha - 1.0])


def _damped(parameters: np.ndarray) -> Filter | None:
    alpha, beta, phi = parameters
    if not (0 < alpha <= 1 and 0 <= beta <= alpha and 0.8 <= phi <= 0.98):
        return None
    # F = [[1, phi], [0, phi]], g = [alpha, beta], w = [1, phi]
    return (
        np.array([1.0, -(1 + phi), phi]),
        np.array([1.0, alpha + phi * beta - 1 - phi, phi * (1 - alpha)]),
    )


def _smooth(
    values: np.ndarray,
    filter_of: Callable[[np.ndarray], Filter | None],
    starts: tuple[tuple[float, ...], ...],
    horizon: int,
) -> np.ndarray:
    """Fit the filter's parameters by least squares of its errors, and run it on without errors."""
    from scipy.optimize import minimize
    from scipy.signal import lfilter

    scale = float(np.std(np.diff(values)))
    if scale == 0:
        return np.full(horizon, values[-1])
    scaled = (values - values[0]) / scale

    def loss(parameters: np.ndarray) -> float:
        found = filter_of(parameters)
        if found is None:
            return 1e12
        errors = lfilter(*found, scaled)[WARM_UP:]
        return float(errors @ errors)

    fits = [
        minimize(loss, start, method="Nelder-Mead", options={"maxiter": 120, "xatol": 1e-3, "fatol": 1e-6})
        for start in starts
    ]
    top, bottom = filter_of(min(fits, key=lambda fit: fit.fun).x)
    errors = lfilter(top, bottom, scaled)
    order = len(top) - 1
    past, shocks = list(scaled[-order:]), list(errors[-order:])
    for _ in range(horizon):
        expected = -sum(top[i] * past[-i] for i in range(1, order + 1))
        expected += sum(bottom[i] * shocks[-i] for i in range(1, order + 1))
        past.append(expected)
        shocks.append(0.0)
    return values[0] + scale * np.array(past[order:])
