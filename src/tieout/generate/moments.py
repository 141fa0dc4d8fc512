"""Days and moments as integers: days since 1970-01-01, microseconds since then in UTC, months as year * 12 + month."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from tieout.generate.draws import Draws

HOUR = 3_600_000_000
DAY = 24 * HOUR
# Far enough that days may still be added to it, and that its microseconds fit 64 bits.
NO_DAY = 1_000_000
NEVER = NO_DAY * DAY

_EPOCH = date(1970, 1, 1)
_OPENS = 6 * HOUR
_OPEN_FOR = 14 * HOUR


def day_number(day: date) -> int:
    return (day - _EPOCH).days


def to_date(day: int) -> date:
    return _EPOCH + timedelta(days=int(day))


def month_of(day: int) -> int:
    on = to_date(day)
    return on.year * 12 + on.month - 1


def first_day(month: int) -> int:
    return day_number(date(month // 12, month % 12 + 1, 1))


def weekday(day: np.ndarray | int) -> np.ndarray | int:
    """0 for Monday to 6 for Sunday."""
    return (day + 3) % 7


def next_working_day(day: np.ndarray) -> np.ndarray:
    """The day itself, or the Monday after it when it falls on a weekend."""
    on = weekday(day)
    return day + np.where(on >= 5, 7 - on, 0)


def in_hours(day: np.ndarray, draws: Draws, stream: str) -> np.ndarray:
    """A moment between 06:00 and 20:00 UTC of each day: inside the data interval that starts that day at 02:00."""
    return day * DAY + _OPENS + draws.below(stream, _OPEN_FOR)


def in_the_night_after(day: np.ndarray, draws: Draws, stream: str) -> np.ndarray:
    """A moment between 03:00 and 05:00 UTC of the next day: after the run of ``day`` has taken its snapshot."""
    return (day + 1) * DAY + 3 * HOUR + draws.below(stream, 2 * HOUR)


def end_of(day: int) -> int:
    """The first moment that is no longer in ``day``."""
    return (int(day) + 1) * DAY
