"""Models of one daily flow of cash: from its past days to its expected days ahead.

A model is a function of history alone: no clock, no global random state. Units are those of the input; a day without
cash is 0. Predictions are never negative.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

import numpy as np

WEEK = 7
YEAR = 365


class Model(Protocol):
    """name stands in the tables; min_days is the shortest history on which the model makes sense."""

    name: str
    min_days: int

    def predict(self, first_day: date, values: np.ndarray, horizon: int) -> np.ndarray:
        """Expected values of the ``horizon`` days after ``values``, which are daily from ``first_day`` on."""
        ...


@dataclass(frozen=True)
class SeasonalNaive:
    """Each day repeats the last known same weekday (Hyndman and Athanasopoulos, fpp3, section 5.2)."""

    name: str = "seasonal_naive"
    min_days: int = WEEK

    def predict(self, first_day: date, values: np.ndarray, horizon: int) -> np.ndarray:
        return np.resize(values[-WEEK:], horizon)


@dataclass(frozen=True)
class WeekdayMean:
    """The mean of the same weekday over the last eight weeks; below two weeks, the mean of all days."""

    name: str = "weekday_mean"
    min_days: int = 1
    weeks: int = 8

    def predict(self, first_day: date, values: np.ndarray, horizon: int) -> np.ndarray:
        whole_weeks = min(len(values) // WEEK, self.weeks)
        if whole_weeks < 2:
            return np.full(horizon, values.mean())
        return np.resize(values[-whole_weeks * WEEK :].reshape(whole_weeks, WEEK).mean(axis=0), horizon)


@dataclass(frozen=True)
class ProphetModel:
    """Prophet's trend with weekly, monthly and, from two years of history on, yearly seasons.

    Only the mean is asked of it: the intervals come from the backtest's errors, which know how cash jumps.
    """

    name: str = "prophet"
    min_days: int = 120
    changepoints: int = 10

    def predict(self, first_day: date, values: np.ndarray, horizon: int) -> np.ndarray:
        logging.getLogger("cmdstanpy").setLevel(logging.WARNING)  # two lines a fit otherwise
        logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)  # says that plotly is not installed
        import pandas as pd
        from prophet import Prophet

        model = Prophet(
            n_changepoints=self.changepoints,
            weekly_seasonality=True,
            yearly_seasonality=5 if len(values) >= 2 * YEAR else False,
            daily_seasonality=False,
            uncertainty_samples=0,
        )
        model.add_seasonality("monthly", period=30.4375, fourier_order=5)
        model.fit(pd.DataFrame({"ds": pd.date_range(first_day, periods=len(values)), "y": values}), seed=1)
        ahead = pd.date_range(first_day + timedelta(days=len(values)), periods=horizon)
        return np.maximum(model.predict(pd.DataFrame({"ds": ahead}))["yhat"].to_numpy(), 0.0)


FALLBACK = WeekdayMean()
# Simple before complex: where two score the same, the first is taken.
CANDIDATES: tuple[Model, ...] = (WeekdayMean(), SeasonalNaive(), ProphetModel())
