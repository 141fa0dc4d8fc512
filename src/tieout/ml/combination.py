"""Several models' forecasts as one: the median of all, and the mean of those that did better before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tieout.ml.backtest import Plan, Score, backtest
from tieout.ml.models import History, Model
from tieout.ml.shares import quarter

MAX_ORIGINS = 5


@dataclass(frozen=True)
class Median:
    """The step-wise median (Petropoulos and Svetunkov, 2020) of the members that the history is enough for."""

    members: tuple[Model, ...]
    name: str = "median_of_models"

    def enough(self, history: History) -> str:
        missing = [member.enough(history) for member in self.members]
        return "" if "" in missing else min(missing)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        able = [member for member in self.members if not member.enough(history)]
        return np.median([member.predict(history, horizon) for member in able], axis=0)


@dataclass(frozen=True)
class BetterHalf:
    """The mean of the better half of the members, as a backtest within the history ranks them (mean absolute error).

    The backtest's origins lie at the same place of the season as the history's end, up to five seasons back: what
    counts is who forecast this part of the season well. A history too short for an origin gets the median of all.
    """

    members: tuple[Model, ...]
    name: str = "mean_of_better_half"

    def enough(self, history: History) -> str:
        return Median(self.members).enough(history)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        better = self.better(history, horizon)
        if not better:
            return Median(self.members).predict(history, horizon)
        return np.mean([member.predict(history, horizon) for member in better], axis=0)

    def better(self, history: History, horizon: int) -> tuple[Model, ...]:
        """The better half, best first; empty where the history is too short to tell."""
        season = history.season
        apart = -(-horizon // season) * season
        cuts = (len(history) - apart * back for back in range(MAX_ORIGINS, 0, -1))
        plan = Plan(tuple(cut for cut in cuts if cut >= season + quarter(season)), horizon)
        if not plan:
            return ()
        scores = [backtest(member, history, plan) for member in self.members]
        able = [score for score in scores if isinstance(score, Score)]
        able.sort(key=lambda score: float(np.abs(score.past.errors).mean()))
        return tuple(score.model for score in able[: -(-len(able) // 2)])
