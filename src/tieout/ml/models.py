"""What a model of a regular series is, and the simple ones that every other has to beat.

A model is a function of history alone: no clock, no global random state. Units are those of the input.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from tieout.ml.open_items import OpenItems


@dataclass(frozen=True)
class History:
    """A regular series: float64 values, oldest first, the length of its season in steps, and the day it starts on.

    period need not be whole: 365.25 / 7 for weeks in a year. first_day and open_items, what documents open on certain
    days were expected to bring, are given for daily series only.
    """

    values: np.ndarray
    period: float
    first_day: date | None = None
    open_items: OpenItems | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def season(self) -> int:
        """The period in whole steps."""
        return round(self.period)

    def before(self, cut: int) -> History:
        """The first ``cut`` steps. Models look up open items on or before the history's last day alone."""
        return replace(self, values=self.values[:cut])


class Model(Protocol):
    """name stands in the tables; enough says from which history on the model makes sense."""

    name: str

    def enough(self, history: History) -> str:
        """Empty, or what the history lacks."""
        ...

    def predict(self, history: History, horizon: int) -> np.ndarray:
        """Expected values of the ``horizon`` steps after the history, which is ``enough``."""
        ...


def expect(model: Model, history: History, horizon: int) -> np.ndarray:
    """The model's forecast of amounts that flow one way: never negative. Raises ValueError where one is no number."""
    ahead = model.predict(history, horizon)
    if not np.isfinite(ahead).all():
        raise ValueError("the model returned a value that is no number")
    return np.maximum(ahead, 0.0)


@dataclass(frozen=True)
class Remembered:
    """A model whose latest forecasts are kept, for one that competes alone and as a member of a combination."""

    inner: Model

    @property
    def name(self) -> str:
        return self.inner.name

    def enough(self, history: History) -> str:
        return self.inner.enough(history)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        values = np.ascontiguousarray(history.values, dtype=np.float64).tobytes()
        return _predicted(self.inner, values, history.period, history.first_day, horizon).copy()


# Per series: the origins of a backtest and the forecast itself, of both flows, of a few models.
@lru_cache(maxsize=64)
def _predicted(model: Model, values: bytes, period: float, first_day: date | None, horizon: int) -> np.ndarray:
    return model.predict(History(np.frombuffer(values), period, first_day), horizon)


@dataclass(frozen=True)
class Naive:
    """Every step repeats the last value."""

    name: str = "naive"

    def enough(self, history: History) -> str:
        return lacks(history, 1)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        return np.full(horizon, history.values[-1])


@dataclass(frozen=True)
class SeasonalNaive:
    """Each step repeats the last one at the same place of the season (Hyndman and Athanasopoulos, fpp3, 5.2)."""

    name: str = "seasonal_naive"

    def enough(self, history: History) -> str:
        return lacks(history, history.season)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        return np.resize(history.values[-history.season :], horizon)


@dataclass(frozen=True)
class SeasonalMean:
    """The mean of the same place over the last eight seasons; below two seasons, the mean of all."""

    name: str = "seasonal_mean"
    seasons: int = 8

    def enough(self, history: History) -> str:
        return lacks(history, 1)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        whole = min(len(history) // history.season, self.seasons)
        if whole < 2:
            return np.full(horizon, history.values.mean())
        recent = history.values[-whole * history.season :].reshape(whole, history.season)
        return np.resize(recent.mean(axis=0), horizon)


def lacks(history: History, steps: int) -> str:
    """Empty where the history has ``steps`` steps, else a text that says so."""
    return "" if len(history) >= steps else f"needs {steps} steps of history, there are {len(history)}"
