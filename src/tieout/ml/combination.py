"""The median of several models' forecasts: what the best simple entries of the M4 competition did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tieout.ml.models import History, Model


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
