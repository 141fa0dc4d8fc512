"""What orchestration adds to a run: its wall time less the time in which at least one task was doing its work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

# XCom key of the (start, end) of a task's work, as ISO timestamps.
WORK = "work"

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Overhead:
    """wall: from the request to the run's end; work: the time in which at least one task worked."""

    wall: timedelta
    work: timedelta

    @property
    def overhead(self) -> timedelta:
        return self.wall - self.work


def overhead(start: datetime, end: datetime, spans: Iterable[Span]) -> Overhead:
    """The overhead of a run from start to end whose tasks worked in `spans`; what lies outside the run is cut off."""
    inside = sorted((max(begin, start), min(finish, end)) for begin, finish in spans)
    work, reached = timedelta(0), start
    for begin, finish in inside:
        begin = max(begin, reached)
        if finish > begin:
            work += finish - begin
            reached = finish
    return Overhead(end - start, work)
