"""What is already invoiced, and a statistical model of what is not yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from tieout.ml.intervals import WEEK
from tieout.ml.models import History, Model, expect
from tieout.ml.open_items import QUARTER, WEEKS, OpenItems, origins_before

# Earlier quarters that say which share of a week's cash was known so far ahead: a year, so that each season is in.
QUARTERS = 4


@dataclass(frozen=True)
class KnownFuture:
    """Open items week by week, plus the inner model's forecast times the share that is usually not yet known.

    That share grows with the horizon: nearly all of next week's cash stands in open documents, nearly none of that in
    three months. It is read off earlier quarters, as what open documents were expected to bring in a week over the cash
    that came. Where they were expected to bring more than came, they are cut in that proportion. Within a week the days
    are the inner model's, which knows the weekdays. Amounts are those of the history, days only.
    """

    inner: Model
    name: str = "open_items"

    def enough(self, history: History) -> str:
        if history.open_items is None or history.first_day is None:
            return "no invoice or bill was ever open"
        if not any(history.open_items.on(origin).any() for origin in _earlier(history)):
            return "needs invoices or bills that were open a quarter before"
        if not history.open_items.on(_last_day(history)).any():
            return "no invoice or bill was open"
        return self.inner.enough(history)

    def predict(self, history: History, horizon: int) -> np.ndarray:
        items = history.open_items
        if items is None:
            raise ValueError("there are no open items")
        weeks = -(-horizon // WEEK)
        if weeks > WEEKS:
            raise ValueError(f"open items are known for {WEEKS} weeks ahead, {weeks} were asked for")
        usual = expect(self.inner, history, weeks * WEEK).reshape(weeks, WEEK)
        share, scale = (part[:weeks] for part in _known_share(history, items))
        known = items.on(_last_day(history))[:weeks] * scale
        by_week = usual.sum(axis=1)
        # A week in which the inner model expects nothing has no weekdays of its own: any day of it may be the one.
        even = np.full((weeks, WEEK), 1 / WEEK)
        profile = np.divide(usual, by_week[:, None], out=even, where=by_week[:, None] > 0)
        return ((known + by_week * (1 - share))[:, None] * profile).ravel()[:horizon]


def _known_share(history: History, items: OpenItems) -> tuple[np.ndarray, np.ndarray]:
    """(share of a week's cash that was known, 0 to 1; what open items have to be multiplied by, 0 to 1), by week ahead.

    Three neighbouring weeks are taken together: a single one of each quarter is few.
    """
    expected, came = np.zeros(WEEKS), np.zeros(WEEKS)
    for origin in _earlier(history):
        start = (origin - history.first_day).days + 1
        expected += items.on(origin)
        came += history.values[start : start + QUARTER].reshape(WEEKS, WEEK).sum(axis=1)
    expected, came = (np.convolve(total, np.ones(3), mode="same") for total in (expected, came))
    share = np.divide(expected, came, out=np.zeros(WEEKS), where=came > 0)
    scale = np.divide(came, expected, out=np.ones(WEEKS), where=expected > 0)
    return np.minimum(share, 1.0), np.minimum(scale, 1.0)


def _earlier(history: History) -> list[date]:
    return origins_before(_last_day(history), history.first_day)[:QUARTERS]


def _last_day(history: History) -> date:
    return history.first_day + timedelta(days=len(history) - 1)
