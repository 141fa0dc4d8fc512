"""A batch is named by the day its data interval starts."""

from datetime import UTC, date, datetime

import pytest

from tieout.batch import Batch
from tieout.errors import ConfigError


@pytest.mark.parametrize("day", ["2026-11-20", date(2026, 11, 20)], ids=["text", "date"])
def test_the_interval_starts_at_two(day: str | date) -> None:
    batch = Batch.of(day, "run")
    assert batch.interval_start == datetime(2026, 11, 20, 2, tzinfo=UTC)
    assert str(batch) == "2026-11-20"


def test_a_day_is_written_in_one_way() -> None:
    with pytest.raises(ConfigError, match="write it as YYYY-MM-DD"):
        Batch.of("20.11.2026", "run")
    for text in ("20261120", "2026-W47-5"):
        with pytest.raises(ConfigError, match="write 2026-11-20"):
            Batch.of(text, "run")
