"""What a repair builds, and when it counts as done."""

from datetime import UTC, datetime

import pytest

from tieout import connections
from tieout.batch import Batch
from tieout.controls import ops, repair
from tieout.controls.drift import DIFFERENT, MISSING_IN_LAKE, MISSING_IN_SOURCE, DifferingRow
from tieout.orchestration import dbt_build
from tieout.sources import load_table

BATCH = Batch.of("2026-11-20", "run")
CUSTOMERS = load_table("app_db", "customers")
READ_AT = datetime(2026, 11, 21, 3, tzinfo=UTC)


@pytest.fixture
def done(monkeypatch) -> list[str]:
    """What was done, in its order."""
    steps = []
    monkeypatch.setattr(dbt_build, "dbt_build", lambda *_, **options: steps.append("built") or {})
    monkeypatch.setattr(ops, "record_repairs", lambda rows: steps.append(", ".join(row.status for row in rows)))
    monkeypatch.setattr(connections, "execute", lambda sql: steps.append(sql.split(" ")[0]))
    return steps


def breaks_off(batch: Batch) -> None:
    raise ConnectionError("Trino went away")


def test_a_repair_is_done_once_what_stands_on_the_models_is_made(done):
    found = [repair.Repair(CUSTOMERS, (DifferingRow(("a",), DIFFERENT),), READ_AT)]
    with pytest.raises(ConnectionError):
        repair.rebuild(BATCH, found, afterwards=breaks_off)
    assert done == ["built"], "the next try has to know of it"
    done.clear()
    repair.rebuild(BATCH, found, afterwards=lambda batch: done.append("foreseen"))
    assert done == ["built", "foreseen", "repaired"]


def test_a_repair_that_broke_off_is_done_no_sooner(done, monkeypatch):
    begun = ("run", BATCH.day, "app_db", "customers", "a", DIFFERENT, "begun", READ_AT)
    monkeypatch.setattr(connections, "query", lambda sql: [begun])
    with pytest.raises(ConnectionError):
        repair.finish(BATCH, [CUSTOMERS], afterwards=breaks_off)
    assert done == ["delete", "built"]
    done.clear()
    repair.finish(BATCH, [CUSTOMERS], afterwards=lambda batch: done.append("foreseen"))
    assert done == ["delete", "built", "foreseen", "repaired"]


def test_without_a_repair_that_broke_off_nothing_is_built(done, monkeypatch):
    monkeypatch.setattr(connections, "query", lambda sql: [])
    repair.finish(BATCH, [CUSTOMERS], afterwards=breaks_off)
    assert done == []


@pytest.mark.parametrize(
    ("kinds", "whole"),
    [
        pytest.param([MISSING_IN_LAKE], False, id="new rows are in written files"),
        pytest.param([MISSING_IN_SOURCE], True, id="a row that is gone is in none"),
        pytest.param([MISSING_IN_LAKE, DIFFERENT], True, id="what a row was before is in none"),
    ],
)
def test_facts_compare_all_rows_after_a_repair_of_rows_that_silver_had(monkeypatch, kinds, whole):
    given = []
    monkeypatch.setattr(dbt_build, "dbt_build", lambda *_, variables: given.append(variables) or {})
    monkeypatch.setattr(ops, "record_repairs", lambda rows: None)
    rows = tuple(DifferingRow((str(number),), kind) for number, kind in enumerate(kinds))
    repair.rebuild(BATCH, [repair.Repair(CUSTOMERS, rows, READ_AT)])
    [variables] = given
    assert ("narrow_from_rows" in variables) is whole
    assert variables["reread"].keys() == {"app_db__customers"}
