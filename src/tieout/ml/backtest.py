"""The rolling-origin backtest: which model would have forecast this flow's own past best, and how far off it was.

From each origin a model sees only what lies before it and forecasts the days after. Origins lie one horizon apart, so
that no day is forecast twice, and a horizon is whole weeks, so that a day ahead is the same weekday at every origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from tieout.ml.intervals import coverage
from tieout.ml.models import WEEK, Model

HORIZON = 13 * WEEK  # the whole weeks that hold the forecast's 90 days
MAX_ORIGINS = 3
MIN_TRAIN = 28
# With this much before an origin every candidate may compete; below it only the simple ones.
FULL_TRAIN = 120


@dataclass(frozen=True)
class Origins:
    """cuts: lengths of the training parts, oldest first; horizon: days forecast from each."""

    cuts: tuple[int, ...]
    horizon: int

    def __bool__(self) -> bool:
        return bool(self.cuts)


def origins(days: int, horizon: int = HORIZON) -> Origins:
    """Up to three origins for a history of ``days``, none where 28 days and a week after them do not fit.

    Origins that leave every model enough to learn from come first; where there is none, a shorter horizon (a quarter
    of the history) is used, so that a young series is still tested on its own past.
    """
    cuts = [days - horizon * i for i in range(1, MAX_ORIGINS + 1) if days - horizon * i >= FULL_TRAIN]
    if not cuts:
        horizon = min(horizon, days // 4 // WEEK * WEEK)
        cuts = [days - horizon * i for i in range(1, MAX_ORIGINS + 1) if horizon and days - horizon * i >= MIN_TRAIN]
    return Origins(tuple(reversed(cuts)), horizon)


@dataclass(frozen=True)
class Score:
    """A model's backtest. errors: origins x horizon, actual less predicted. Scores are None where undefined."""

    model: Model
    errors: np.ndarray
    predictions: np.ndarray
    wape_daily: float | None
    wape_weekly: float | None
    mase: float | None
    coverage: dict[int, float | None]
    weekly_error: float


@dataclass(frozen=True)
class Failure:
    """A model that could not be scored, and why."""

    model: Model
    reason: str


def backtest(
    model: Model, first_day: date, values: np.ndarray, where: Origins, levels: tuple[int, ...]
) -> Score | Failure:
    """Score one model on one flow. A model that needs more history, or that fails, becomes a Failure."""
    if where.cuts[0] < model.min_days:
        return Failure(model, f"needs {model.min_days} days before the first origin, there are {where.cuts[0]}")
    try:
        predictions = np.stack([model.predict(first_day, values[:cut], where.horizon) for cut in where.cuts])
    except Exception as error:  # a model's own failure, of whatever kind, must not stop the other models
        return Failure(model, f"{type(error).__name__}: {error}")
    if not np.isfinite(predictions).all():
        return Failure(model, "returned a value that is no number")
    actual = np.stack([values[cut : cut + where.horizon] for cut in where.cuts])
    errors = actual - predictions
    weekly_error = float(np.abs(weekly(errors)).sum())
    return Score(
        model=model,
        errors=errors,
        predictions=predictions,
        wape_daily=_ratio(float(np.abs(errors).sum()), float(np.abs(actual).sum())),
        wape_weekly=_ratio(weekly_error, float(np.abs(weekly(actual)).sum())),
        mase=_mase(errors, values, where),
        coverage={level: coverage(predictions, errors, level) for level in levels},
        weekly_error=weekly_error,
    )


def weekly(days: np.ndarray) -> np.ndarray:
    """Totals of whole weeks along the last axis; days beyond the last whole week are left out."""
    weeks = days.shape[-1] // WEEK
    return days[..., : weeks * WEEK].reshape(*days.shape[:-1], weeks, WEEK).sum(axis=-1)


def _mase(errors: np.ndarray, values: np.ndarray, where: Origins) -> float | None:
    """Mean absolute scaled error (Hyndman and Koehler, 2006) with season 7, averaged over the origins."""
    scaled = []
    for cut, row in zip(where.cuts, errors, strict=True):
        scale = float(np.abs(values[WEEK:cut] - values[: cut - WEEK]).mean())
        if scale > 0:
            scaled.append(float(np.abs(row).mean()) / scale)
    return float(np.mean(scaled)) if scaled else None


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator > 0 else None
