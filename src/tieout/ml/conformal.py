"""Intervals of any regular series from the errors of its backtest, widened by horizon: split conformal prediction.

No distribution is assumed (Vovk et al., 2005; Lei et al., 2018). An error is taken relative to what was predicted where
all predictions are above zero, so that a step of three times the size may be off by three times as much. Steps of one
origin are off together, which a quantile of pooled errors does not know; so each origin is measured by the interval of
the others, and the interval widened by what that shows.
"""

from __future__ import annotations

import numpy as np

from tieout.ml.intervals import Past

# Stands for a half width of nothing: an error beyond it lies far outside, and is no division by zero.
TINY = 1e-12


def bounds(expected: np.ndarray, past: Past, level: int) -> tuple[np.ndarray, np.ndarray]:
    """(low, high) of the central ``level`` % of each step ahead, in the unit of ``expected``.

    past: predictions and errors of one or more origins, each with the steps of ``expected``. From one origin alone the
    interval is too narrow more often than its level says, for nothing can be left out to measure it.
    """
    width = _half_width(expected, past, level) * _inflation(past, level)
    return expected - width, expected + width


def _inflation(past: Past, level: int) -> float:
    """By how much half widths must be multiplied to hold ``level`` % of the errors of origins that are left out."""
    origins = range(len(past.errors))
    if len(origins) < 2:
        return 1.0
    ratios = [
        np.abs(past.errors[i]) / np.maximum(_half_width(past.predictions[i], past.without(i), level), TINY)
        for i in origins
    ]
    return float(np.quantile(ratios, level / 100))


def _half_width(expected: np.ndarray, past: Past, level: int) -> np.ndarray:
    sizes = np.abs(past.errors)
    relative = bool((past.predictions > 0).all() and (expected > 0).all())
    if relative:
        sizes = sizes / past.predictions
    widening = np.arange(1.0, len(expected) + 1) ** _exponent(sizes.mean(axis=0))
    pooled = (sizes / widening).ravel()
    # The (n + 1) / n of split conformal prediction: the error to come is one more of its kind.
    share = min(level / 100 * (1 + 1 / len(pooled)), 1.0)
    radius = np.quantile(pooled, share, method="higher") * widening
    return radius * expected if relative else radius


def _exponent(sizes: np.ndarray) -> float:
    """The power of the horizon, 0 to 1, by which errors grow: the slope of log size on log step; 0.5 is a walk's."""
    seen = sizes > 0
    if seen.sum() < 2:
        return 0.0
    steps = np.log(np.arange(1.0, len(sizes) + 1)[seen])
    return float(np.clip(np.polyfit(steps, np.log(sizes[seen]), 1)[0], 0.0, 1.0))
