"""The rolling-origin backtest: which model would have forecast this series' own past best, and how far off it was.

From each origin a model sees only what lies before it and forecasts the steps after. Origins lie one horizon apart, so
that no step is forecast twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tieout.ml.intervals import Past
from tieout.ml.models import History, Model, expect


@dataclass(frozen=True)
class Plan:
    """How a series is tested.

    cuts: lengths of the training parts, oldest first. horizon: steps forecast from each. block: steps that a person
    would look at together (7 days of cash).
    """

    cuts: tuple[int, ...]
    horizon: int
    block: int = 1

    def __bool__(self) -> bool:
        return bool(self.cuts)


@dataclass(frozen=True)
class Score:
    """A model's backtest; errors are actual less predicted. Ratios are None where they are undefined.

    path_error is the mean absolute error of the running total over the horizon. Models are chosen by it: it is what a
    forecast does to the expected balance. The sum of single steps' errors would prefer, where most days are without
    cash, a model that expects none.
    """

    model: Model
    past: Past
    path_error: float
    path_wape: float | None
    wape: float | None
    block_wape: float | None
    mase: float | None


@dataclass(frozen=True)
class Failure:
    """A model that could not be scored, and why."""

    model: Model
    reason: str


def backtest(model: Model, history: History, plan: Plan) -> Score | Failure:
    """Score one model on one series. A model that lacks history, or that fails, becomes a Failure."""
    lacking = model.enough(history.before(plan.cuts[0]))
    if lacking:
        return Failure(model, f"{lacking} before the first origin")
    try:
        predictions = np.stack([expect(model, history.before(cut), plan.horizon) for cut in plan.cuts])
    except Exception as error:  # a model's own failure, of whatever kind, must not stop the other models
        return Failure(model, f"{type(error).__name__}: {error}")
    actual = np.stack([history.values[cut : cut + plan.horizon] for cut in plan.cuts])
    errors = actual - predictions
    by_block, actual_by_block = np.abs(totals(errors, plan.block)), np.abs(totals(actual, plan.block))
    path_error = float(np.abs(errors.cumsum(axis=1)).mean())
    return Score(
        model=model,
        past=Past(predictions, errors),
        path_error=path_error,
        path_wape=_ratio(path_error, float(actual.sum(axis=1).mean())),
        wape=_ratio(float(np.abs(errors).sum()), float(np.abs(actual).sum())),
        block_wape=_ratio(float(by_block.sum()), float(actual_by_block.sum())),
        mase=_mase(errors, history, plan),
    )


def ranked(scores: tuple[Score | Failure, ...]) -> list[Score]:
    """The scored models, best first; of equals the one named first, which is the simpler one."""
    return sorted((score for score in scores if isinstance(score, Score)), key=lambda score: score.path_error)


def totals(steps: np.ndarray, block: int) -> np.ndarray:
    """Totals of whole blocks along the last axis; steps beyond the last whole block are left out."""
    blocks = steps.shape[-1] // block
    return steps[..., : blocks * block].reshape(*steps.shape[:-1], blocks, block).sum(axis=-1)


def _mase(errors: np.ndarray, history: History, plan: Plan) -> float | None:
    """Mean absolute scaled error (Hyndman and Koehler, 2006) with the history's season, averaged over the origins."""
    season = history.season
    scaled = []
    for cut, row in zip(plan.cuts, errors, strict=True):
        seen = history.values[:cut]
        changes = np.abs(seen[season:] - seen[:-season])
        if changes.any():
            scaled.append(float(np.abs(row).mean()) / float(changes.mean()))
    return float(np.mean(scaled)) if scaled else None


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator > 0 else None
