from __future__ import annotations

from datetime import UTC, datetime

import pendulum
import pytest
from airflow.timetables.base import DataInterval, TimeRestriction

from tieout.orchestration.timetable import SinceFirstStart

LONG_AGO = pendulum.datetime(2020, 1, 1)


def first_interval(since: str) -> DataInterval:
    timetable = SinceFirstStart("0 2 * * *", since)
    info = timetable.next_dagrun_info(
        last_automated_data_interval=None, restriction=TimeRestriction(LONG_AGO, None, catchup=False)
    )
    assert info is not None
    assert info.data_interval is not None
    return info.data_interval


def test_a_new_stack_runs_no_day_of_before_its_first_start() -> None:
    now = datetime.now(UTC)
    assert first_interval(now.isoformat()).start >= now


def test_an_old_stack_runs_the_newest_complete_day() -> None:
    interval = first_interval("2021-03-04T05:06:07+00:00")
    now = pendulum.now("UTC")
    assert interval.end <= now
    assert now - interval.end < pendulum.duration(days=1)
    assert interval.end - interval.start == pendulum.duration(days=1)


def test_a_backfill_goes_back_beyond_the_first_start() -> None:
    timetable = SinceFirstStart("0 2 * * *", "2026-11-20T00:00:00+00:00")
    info = timetable.next_dagrun_info(
        last_automated_data_interval=None,
        restriction=TimeRestriction(pendulum.datetime(2012, 12, 31, 2), None, catchup=True),
    )
    assert info is not None
    assert info.logical_date == pendulum.datetime(2012, 12, 31, 2)


@pytest.mark.parametrize("since", ["2026-11-20T02:00:00+00:00", "2026-11-19T22:00:00-04:00"])
def test_a_timetable_survives_being_stored(since: str) -> None:
    stored = SinceFirstStart("0 2 * * *", since).serialize()
    assert SinceFirstStart.deserialize(stored).serialize() == stored
