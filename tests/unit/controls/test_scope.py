"""Which months of a table a batch's tie-out compares."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tieout import connections
from tieout.batch import Batch
from tieout.controls.scope import MOST_MONTHS, changed_months
from tieout.sources import load_table

TABLE = replace(load_table("app_db", "bank_transactions"), month="created_at")
YEAR = [f"2026-{month:02}" for month in range(1, 13)]


@pytest.mark.parametrize(
    ("found", "months"),
    [
        pytest.param([], (), id="a batch without rows"),
        pytest.param(["2026-11", "2026-09"], ("2026-09", "2026-11"), id="in their order"),
        pytest.param(YEAR[:MOST_MONTHS], tuple(YEAR[:MOST_MONTHS]), id="as many as are singled out"),
        pytest.param([*YEAR, "2025-12"], None, id="too many"),
        pytest.param(["2026-11", None], None, id="a row of no month"),
    ],
)
def test_months_are_singled_out_while_they_are_few_and_known(monkeypatch, found, months):
    asked = answered(monkeypatch, None, found)
    assert changed_months(TABLE, Batch.of("2026-11-20", "run")) == months
    assert asked[-1].count("_extracted_at > timestamp '1970-01-01") == 2, "no run has proven anything"


def answered(monkeypatch, proven_at: datetime | None, months: list[str | None]) -> list[str]:
    """The statements asked: first when the source was read that was proven last, then the months."""
    asked: list[str] = []

    def query(sql: str) -> list[tuple]:
        asked.append(sql)
        return [(proven_at,)] if len(asked) == 1 else [(month,) for month in months]

    monkeypatch.setattr(connections, "query", query)
    return asked


def test_what_no_tie_out_has_proven_is_singled_out_too(monkeypatch):
    asked = answered(monkeypatch, datetime(2026, 11, 18, 3, tzinfo=UTC), ["2026-11", "2026-08"])
    assert changed_months(TABLE, Batch.of("2026-11-20", "run")) == ("2026-08", "2026-11")
    proven, months = asked
    assert "having bool_and(status = 'tied')" in proven and "entity = 'bank_transactions'" in proven
    since = "timestamp '2026-11-18 03:00:00.000000 UTC'"
    # rows that came, marks of deletion, and what runs since were to compare
    assert months.count("_batch = date '2026-11-20'") == months.count(f"_extracted_at > {since}") == 2
    assert f"recorded_at > {since} and (measure = 'rows' or measure like 'rows@%')" in months
