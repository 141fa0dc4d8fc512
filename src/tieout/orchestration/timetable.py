"""The schedule of Tieout's DAGs: CronDataIntervalTimetable, except that nothing before the stack's first start is run
by itself.

Airflow with catchup=False still runs the newest complete interval at once when it first sees a DAG. On a new stack
that would be yesterday, before any data is there. A start_date of today would prevent it, and would forbid backfills
of any day before it too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.timetables.interval import CronDataIntervalTimetable

from tieout.settings import get_settings

if TYPE_CHECKING:
    from pendulum import DateTime


class SinceFirstStart(CronDataIntervalTimetable):
    """Data intervals of a cron expression in UTC; the first that runs by itself starts at or after `since`."""

    def __init__(self, expression: str, since: str):
        """since: an ISO timestamp with its offset."""
        super().__init__(expression, "UTC")
        self._since = since

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SinceFirstStart:
        return cls(data["expression"], data["since"])

    def serialize(self) -> dict[str, Any]:
        return {"expression": self._expression, "since": self._since}

    def _skip_to_latest(self, earliest: DateTime | None) -> DateTime:
        import pendulum

        since = self._align_to_next(pendulum.instance(datetime.fromisoformat(self._since)))
        return max(super()._skip_to_latest(earliest), since)


def schedule(expression: str) -> SinceFirstStart:
    """The timetable of a cron expression for this stack."""
    return SinceFirstStart(expression, first_start())


def first_start() -> str:
    """When this stack was first prepared, as an ISO timestamp; noted at the first call."""
    file = get_settings().home / "first-start"
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        file.write_text(f"{now}\n")
        return now
