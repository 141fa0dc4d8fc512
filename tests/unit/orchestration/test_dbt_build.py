from __future__ import annotations

from tieout.orchestration.dbt_build import BuildProgress, NodeRecord
from tieout.orchestration.manifest import Model

MODEL = Model("model.tieout.stg", "stg", "silver", "lake.silver.stg", "", ())
TESTS = {MODEL.unique_id: ["test.tieout.unique", "test.tieout.not_null"]}


def progress() -> BuildProgress:
    return BuildProgress([MODEL], TESTS)


def state(build: BuildProgress) -> str:
    return build.as_dict()[MODEL.unique_id]["state"]


def test_a_model_succeeds_when_it_and_all_its_tests_have() -> None:
    build = progress()
    assert not build.finished(MODEL.unique_id, NodeRecord("success", 1.5, "MERGE (3 rows)"))
    assert state(build) == "running"
    assert not build.finished("test.tieout.unique", NodeRecord("pass", 0.1, ""))
    assert build.finished("test.tieout.not_null", NodeRecord("warn", 0.1, ""))
    assert state(build) == "success"


def test_a_failed_test_fails_its_model_before_the_others_have_ended() -> None:
    build = progress()
    build.finished(MODEL.unique_id, NodeRecord("success", 1.5, ""))
    assert build.finished("test.tieout.unique", NodeRecord("fail", 0.1, "Got 2 results"))
    assert state(build) == "failed"


def test_a_model_that_dbt_skipped_is_skipped() -> None:
    build = progress()
    for node in (MODEL.unique_id, *TESTS[MODEL.unique_id]):
        build.finished(node, NodeRecord("skipped", 0.0, ""))
    assert state(build) == "skipped"


def test_a_node_of_no_model_changes_nothing() -> None:
    build = progress()
    assert not build.finished("operation.tieout.hook", NodeRecord("success", 0.0, ""))
    assert build.as_dict() == {}
