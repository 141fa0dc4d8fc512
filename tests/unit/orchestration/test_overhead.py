from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tieout.orchestration.overhead import overhead

START = datetime(2026, 11, 20, 2, tzinfo=UTC)


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


@pytest.mark.parametrize(
    ("spans", "work"),
    [
        pytest.param([], 0, id="nothing worked"),
        pytest.param([(10, 20)], 10, id="one"),
        pytest.param([(10, 20), (30, 40)], 20, id="apart"),
        pytest.param([(10, 30), (20, 40)], 30, id="overlapping"),
        pytest.param([(10, 40), (20, 30)], 30, id="one within another"),
        pytest.param([(20, 40), (10, 30)], 30, id="in any order"),
        pytest.param([(10, 20), (20, 30)], 20, id="touching"),
        pytest.param([(-5, 10), (90, 120)], 20, id="outside of the run is cut off"),
        pytest.param([(120, 130)], 0, id="wholly after the run"),
    ],
)
def test_overhead_is_the_time_in_which_nothing_worked(spans: list[tuple[float, float]], work: float) -> None:
    timing = overhead(START, at(100), [(at(begin), at(end)) for begin, end in spans])
    assert timing.wall == timedelta(seconds=100)
    assert timing.work == timedelta(seconds=work)
    assert timing.overhead == timedelta(seconds=100 - work)
