"""Prophet, as a model of daily cash."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from tieout.ml.models import History, lacks

YEAR = 365


@dataclass(frozen=True)
class Prophet:
    """Prophet's trend with weekly, monthly and, from two years of history on, yearly seasons. Daily series only.

    Only the mean is asked of it: the intervals come from the backtest's errors, which know how cash jumps.
    """

    name: str = "prophet"
    min_days: int = 120
    changepoints: int = 10

    def enough(self, history: History) -> str:
        return lacks(history, self.min_days)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        logging.getLogger("cmdstanpy").setLevel(logging.WARNING)  # two lines a fit otherwise
        logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)  # says that plotly is not installed
        import pandas as pd
        import prophet

        if history.first_day is None:
            raise ValueError("Prophet needs to know which day a series starts on")
        model = prophet.Prophet(
            n_changepoints=self.changepoints,
            weekly_seasonality=True,
            yearly_seasonality=5 if len(history) >= 2 * YEAR else False,
            daily_seasonality=False,
            uncertainty_samples=0,
        )
        model.add_seasonality("monthly", period=30.4375, fourier_order=5)
        past = pd.date_range(history.first_day, periods=len(history))
        model.fit(pd.DataFrame({"ds": past, "y": history.values}), seed=1)
        ahead = pd.date_range(history.first_day + timedelta(days=len(history)), periods=horizon)
        return model.predict(pd.DataFrame({"ds": ahead}))["yhat"].to_numpy()
