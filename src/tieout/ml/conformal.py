"""Intervals of any regular series from the errors of its backtest, widened by horizon: split conformal prediction.

No distribution is assumed (Vovk et al., 2005; Lei et al., 2018). An error is taken relative to what was predicted where
all predictions are above zero, so that a step of three times the size may be off by three times as much. Steps of one
origin are off together, which a quantile of pooled errors does not know; so each origin is measured by the interval of
the others, and the interval widened by what that shows.

Forecasts get better and worse with the times, so the errors to come are not quite of the kind of those before: recent
origins weigh more (Barber, Candès, Ramdas and Tibshirani, 2023, "Conformal prediction beyond exchangeability").
"""

from __future__ import annotations

import numpy as np

from tieout.ml.intervals import Past

# Stands for a half width of nothing: an error beyond it lies far outside, and is no division by zero.
TINY = 1e-12
# Weight of an origin's errors relative to those of the origin after it, as chosen on the train parts of M4.
DECAY = 0.7


def bounds(expected: np.ndarray, past: Past, level: int, decay: float = DECAY) -> tuple[np.ndarray, np.ndarray]:
    """(low, high) of the central ``level`` % of each step ahead, in the unit of ``expected``.

    past: predictions and errors of one or more origins, each with the steps of ``expected``. decay: weight of an origin
    relative to the one after it. From one origin alone the interval is too narrow more often than its level says, for
    nothing can be left out to measure it.
    """
    width = _half_width(expected, past, level, decay) * _inflation(past, level, decay)
    return expected - width, expected + width


def _inflation(past: Past, level: int, decay: float) -> float:
    """By how much half widths must be multiplied to hold ``level`` % of the errors of origins that are left out."""
    origins = range(len(past.errors))
    if len(origins) < 2:
        return 1.0
    ratios = [
        np.abs(past.errors[i]) / np.maximum(_half_width(past.predictions[i], past.without(i), level, decay), TINY)
        for i in origins
    ]
    return _quantile(np.array(ratios), _weights(len(origins), decay), level / 100, coming=0.0)


def _half_width(expected: np.ndarray, past: Past, level: int, decay: float) -> np.ndarray:
    sizes = np.abs(past.errors)
    relative = bool((past.predictions > 0).all() and (expected > 0).all())
    if relative:
        sizes = sizes / past.predictions
    weights = _weights(len(sizes), decay)
    by_step = np.average(sizes, axis=0, weights=weights)
    widening = np.arange(1.0, len(expected) + 1) ** _exponent(by_step)
    # The error to come is one more of its kind, as large as any: the (n + 1) / n of split conformal prediction.
    radius = _quantile(sizes / widening, weights, level / 100, coming=1.0) * widening
    return radius * expected if relative else radius


def _weights(origins: int, decay: float) -> np.ndarray:
    """Of each origin, oldest first; 1 for the newest."""
    return decay ** np.arange(origins)[::-1]


def _quantile(values: np.ndarray, weights: np.ndarray, share: float, coming: float) -> float:
    """The smallest of the values, origins x steps, that holds ``share`` of their weight and of ``coming``, which stands
    for a value beyond them all; the largest where none does."""
    order = np.argsort(values, axis=None, kind="stable")
    held = np.repeat(weights, values.shape[1])[order].cumsum()
    wanted = share * (held[-1] + coming) * (1 - 1e-12)  # sums of weights are off by a rounding
    return float(values.ravel()[order][min(np.searchsorted(held, wanted), values.size - 1)])


def _exponent(sizes: np.ndarray) -> float:
    """The power of the horizon, 0 to 1, by which errors grow: the slope of log size on log step; 0.5 is a walk's."""
    seen = sizes > 0
    if seen.sum() < 2:
        return 0.0
    steps = np.log(np.arange(1.0, len(sizes) + 1)[seen])
    return float(np.clip(np.polyfit(steps, np.log(sizes[seen]), 1)[0], 0.0, 1.0))
