"""Which forecasts a run scores; what a score is stands in the integration tests."""

from datetime import date, timedelta

import pytest

from tieout.ml import live_accuracy

NEWEST = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("before", "day", "since"),
    [
        pytest.param(1, 0, 90, id="a day after another: of 90 days"),
        pytest.param(None, 0, 90, id="the first run"),
        pytest.param(31, 0, 120, id="a month after: the last days of 90 before that month's run"),
        pytest.param(92, 0, 181, id="a quarter after: of which no day was scored"),
        pytest.param(1, 200, 200, id="an old day run again"),
    ],
)
def test_every_forecast_is_scored_to_its_last_day(monkeypatch, before, day, since):
    executed = []
    monkeypatch.setattr(live_accuracy, "execute", executed.append)
    monkeypatch.setattr(live_accuracy, "newest_run_date", lambda: NEWEST)
    previous = None if before is None else NEWEST - timedelta(days=before)
    monkeypatch.setattr(live_accuracy.lake, "rows", lambda sql: [{"newest": previous}])
    live_accuracy.score_past_forecasts(NEWEST - timedelta(days=day))
    assert executed == [live_accuracy.statement(NEWEST - timedelta(days=since), NEWEST)]


def test_nothing_is_scored_before_the_first_forecast(monkeypatch):
    monkeypatch.setattr(live_accuracy, "execute", lambda sql: pytest.fail(sql))
    monkeypatch.setattr(live_accuracy.lake, "rows", lambda sql: [{"newest": None}])
    live_accuracy.score_past_forecasts(NEWEST)
