"""How daily cash is modelled: its candidates, its backtest, and its fallback."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tieout.ml.autoregression import Autoregression
from tieout.ml.backtest import Plan
from tieout.ml.combination import Median
from tieout.ml.intervals import WEEK
from tieout.ml.known_future import KnownFuture
from tieout.ml.models import History, Model, Remembered, SeasonalMean, SeasonalNaive
from tieout.ml.prophet import Prophet
from tieout.ml.seasonality import Deseasonalized
from tieout.ml.smoothing import DampedTrend, Ses, Theta

HORIZON = 13 * WEEK  # the whole weeks that hold the forecast's 90 days
MAX_ORIGINS = 4
MIN_TRAIN = 28
# With this much before an origin every candidate may compete; below it only the simple ones.
FULL_TRAIN = 120

FALLBACK = SeasonalMean()


@dataclass(frozen=True)
class Frequent:
    """A model that follows single days. Where cash moves on few of them it repeats or bends around accidents: then it
    is no candidate."""

    inner: Model
    name: str
    min_share: float = 0.2

    def enough(self, history: History) -> str:
        share = float(np.count_nonzero(history.values)) / max(len(history), 1)
        if share < self.min_share:
            # 19.6 % would be told as the very 20 % that are needed.
            told = min(share, self.min_share - 0.01)
            return f"needs cash on {self.min_share:.0%} of days, there was some on {told:.0%}"
        return self.inner.enough(history)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        return self.inner.predict(history, horizon)


_SMOOTHED: tuple[Model, ...] = (
    Remembered(Deseasonalized(Ses(), "ses")),
    Remembered(Deseasonalized(DampedTrend(), "damped_trend")),
    Remembered(Deseasonalized(Theta(), "theta")),
    Remembered(Autoregression("autoregression", differenced=False)),
)
_MEDIAN = Median((FALLBACK, *_SMOOTHED))
# Simple before complex: where two score the same, the first is taken.
CANDIDATES: tuple[Model, ...] = (
    FALLBACK,
    Frequent(SeasonalNaive(), "seasonal_naive"),
    *_SMOOTHED,
    _MEDIAN,
    KnownFuture(_MEDIAN),
    Frequent(Prophet(), "prophet"),
)


def plan_of(days: int) -> Plan:
    """Up to four origins for a history of ``days``, none where 28 days and a week after them do not fit.

    Origins that leave every model enough to learn from come first; where there is none, a shorter horizon (a quarter
    of the history) is used, so that a young series is still tested on its own past. A horizon is whole weeks, so that a
    day ahead is the same weekday at every origin.
    """
    horizon = HORIZON
    cuts = [days - horizon * i for i in range(1, MAX_ORIGINS + 1) if days - horizon * i >= FULL_TRAIN]
    if not cuts:
        horizon = min(horizon, days // 4 // WEEK * WEEK)
        cuts = [days - horizon * i for i in range(1, MAX_ORIGINS + 1) if horizon and days - horizon * i >= MIN_TRAIN]
    return Plan(tuple(reversed(cuts)), horizon, block=WEEK)
