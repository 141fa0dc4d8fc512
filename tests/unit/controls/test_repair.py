"""What a repair builds, when it counts as done, and whose repair that is."""

import pytest

from tieout import connections
from tieout.batch import Batch
from tieout.controls import ops, repair, tie_out
from tieout.controls.checksum import BRONZE
from tieout.controls.drift import DIFFERENT, MISSING_IN_LAKE, MISSING_IN_SOURCE, DifferingRow
from tieout.orchestration import dbt_build
from tieout.sources import load_table

BATCH = Batch.of("2026-11-20", "run")
CUSTOMERS = load_table("app_db", "customers")
BUDGETS = load_table("planning", "budgets")
# What lake.ops says is begun and not concluded; the second table is described no more.
BEGUN = [
    ["app_db", "customers", 5, [DIFFERENT, MISSING_IN_LAKE], ["different a", "different b", "missing_in_lake c"]],
    ["app_db", "left_behind", 1, [DIFFERENT], ["different a"]],
]


@pytest.fixture
def done(monkeypatch) -> list[str]:
    """What was done, in its order."""
    steps = []
    monkeypatch.setattr(dbt_build, "dbt_build", lambda *_, **options: steps.append("built") or {})
    monkeypatch.setattr(ops, "insert", lambda sql: steps.append("recorded"))
    monkeypatch.setattr(connections, "execute", lambda sql: steps.append(sql.split(" ")[0]))
    monkeypatch.setattr(connections, "query", lambda sql: BEGUN)
    return steps


def breaks_off(batch: Batch) -> None:
    raise ConnectionError("Trino went away")


def begun(*kinds: str, table=CUSTOMERS) -> repair.Unfinished:
    return repair.Unfinished(table, len(kinds), frozenset(kinds), ())


def test_a_repair_is_done_once_what_stands_on_the_models_is_made(done):
    with pytest.raises(ConnectionError):
        repair.rebuild(BATCH, [begun(DIFFERENT)], afterwards=breaks_off)
    assert done == ["delete", "built"], "the next try has to know of it"
    done.clear()
    repair.rebuild(BATCH, [begun(DIFFERENT)], afterwards=lambda batch: done.append("foreseen"))
    assert done == ["delete", "built", "foreseen", "recorded"]


def test_a_repair_that_broke_off_is_done_no_sooner(done, caplog):
    with pytest.raises(ConnectionError):
        repair.finish(BATCH, [CUSTOMERS], afterwards=breaks_off)
    assert done == ["delete", "built"]
    done.clear()
    repair.finish(BATCH, [CUSTOMERS], afterwards=lambda batch: done.append("foreseen"))
    assert done == ["delete", "built", "foreseen", "recorded"]
    assert "repaired 5 rows of app_db.customers: different a, different b, missing_in_lake c, …" in caplog.text


def test_without_a_repair_that_broke_off_nothing_is_built(done, monkeypatch):
    monkeypatch.setattr(connections, "query", lambda sql: [])
    repair.finish(BATCH, [CUSTOMERS], afterwards=breaks_off)
    assert done == []


def test_whose_repair_broke_off_does_not_matter_and_the_run_that_finishes_it_records_it(done, monkeypatch):
    """A later run knows of it from lake.ops alone; every statement goes by the same lines."""
    asked, recorded = [], []
    monkeypatch.setattr(connections, "query", lambda sql: asked.append(sql) or BEGUN)
    monkeypatch.setattr(ops, "insert", recorded.append)
    repair.finish(BATCH, [CUSTOMERS])
    [question], [told] = asked, recorded
    assert repair._UNFINISHED in question and repair._UNFINISHED in told
    assert "run_id" not in repair._UNFINISHED
    assert "select 'run', date '2026-11-20', source, entity, key" in told
    assert "in ('app_db.customers')" in told


def test_a_build_that_fails_is_given_what_broke_off_although_silver_ties(done, monkeypatch):
    """What stands on rows that Silver has no more fails for that, and no total of Silver tells of it."""
    monkeypatch.setattr(tie_out, "relations", lambda: {CUSTOMERS.silver})
    monkeypatch.setattr(tie_out, "_measure_silver", lambda *_: ([], []))
    [found] = tie_out.mend_silver(BATCH)
    assert (found.table, found.rows, found.kinds) == (CUSTOMERS, 5, {DIFFERENT, MISSING_IN_LAKE})
    assert done == []


def test_keys_are_compared_as_they_are_on_record():
    condition = repair._is_read_again(BUDGETS, BRONZE)
    left, _, right = condition.partition(" in (")
    assert left.startswith("concat_ws(' / ', coalesce(") and left.count("coalesce") == 3
    assert right.endswith("where source = 'planning' and entity = 'budgets')")
    row = DifferingRow(("4000", None, "Budget"), DIFFERENT)
    assert repair.shown(row) == "4000 /  / Budget"


@pytest.mark.parametrize(
    ("kinds", "whole"),
    [
        pytest.param([MISSING_IN_LAKE], False, id="new rows are in written files"),
        pytest.param([MISSING_IN_SOURCE], True, id="a row that is gone is in none"),
        pytest.param([MISSING_IN_LAKE, DIFFERENT], True, id="what a row was before is in none"),
    ],
)
def test_facts_compare_all_rows_after_a_repair_of_rows_that_silver_had(done, monkeypatch, kinds, whole):
    given = []
    monkeypatch.setattr(dbt_build, "dbt_build", lambda *_, variables: given.append(variables) or {})
    repair.rebuild(BATCH, [begun(*kinds)])
    [variables] = given
    assert ("narrow_from_rows" in variables) is whole
    assert variables["reread"].keys() == {"app_db__customers"}
