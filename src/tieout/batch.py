"""A batch: one run's rows of every table, named by the day its data interval starts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from tieout.errors import ConfigError

# The hour (UTC) at which a data interval starts and tieout_daily is scheduled.
INTERVAL_START = time(2, tzinfo=UTC)


@dataclass(frozen=True)
class Batch:
    """day names the batch and is the as-of date of its run; interval_start is the start of its data interval, UTC."""

    day: date
    run_id: str
    interval_start: datetime

    @classmethod
    def of(cls, day: str | date, run_id: str) -> Batch:
        """The batch of a day given as a date or as YYYY-MM-DD. Raises ConfigError for any other text."""
        if isinstance(day, str):
            text = day
            try:
                day = date.fromisoformat(text)
            except ValueError as error:
                raise ConfigError(f"{text!r} is not a day: write it as YYYY-MM-DD") from error
            if day.isoformat() != text:  # ISO's other spellings, as 20261120 or 2026-W47-5
                raise ConfigError(f"{text!r} is not written as a day is here: write {day}")
        return cls(day, run_id, datetime.combine(day, INTERVAL_START))

    def __str__(self) -> str:
        return self.day.isoformat()
