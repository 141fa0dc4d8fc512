"""Which months of a table a batch's tie-out compares."""

from dataclasses import replace

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
    monkeypatch.setattr(connections, "query", lambda sql: [(month,) for month in found])
    assert changed_months(TABLE, Batch.of("2026-11-20", "run")) == months
