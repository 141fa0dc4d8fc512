from __future__ import annotations

from types import SimpleNamespace

import pytest

from tieout.orchestration.dbt_build import BuildProgress, NodeRecord, _error
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


def result(name: str, status: str, message: str | None = None, kind: str = "model") -> SimpleNamespace:
    """A node's result as dbt gives it, as far as it is read."""
    node = SimpleNamespace(name=name, alias=name, database="lake", schema="silver", resource_type=kind)
    return SimpleNamespace(node=node, status=status, message=message)


FOUND_ROWS = result("balances", "fail", "Got 2 results, configured to fail if != 0", "test")
NO_SUCH_COLUMN = result("fact", "error", 'TrinoUserError(type=USER_ERROR, name=COLUMN_NOT_FOUND, message="x", …)')
BY_ZERO = result("share", "error", 'TrinoUserError(type=USER_ERROR, name=DIVISION_BY_ZERO, message="x", …)')
AWAY = result("late", "error", "HTTPConnectionPool: Max retries exceeded")
TEST_CANNOT_RUN = result("grain", "error", "Compilation Error in test grain", "test")


@pytest.mark.parametrize(
    ("results", "passing", "of_rows"),
    [
        pytest.param([FOUND_ROWS], False, True, id="a test found rows"),
        pytest.param([BY_ZERO], False, True, id="a row that Trino cannot take"),
        pytest.param([NO_SUCH_COLUMN], False, False, id="SQL that Trino refuses"),
        pytest.param([TEST_CANNOT_RUN], False, False, id="a test that cannot run"),
        pytest.param([FOUND_ROWS, NO_SUCH_COLUMN], False, False, id="other rows would not help against both"),
        pytest.param([FOUND_ROWS, AWAY], False, True, id="what passes stands in no way"),
        pytest.param([AWAY], True, False, id="Trino went away"),
    ],
)
def test_what_may_help_against_failures(results: list[SimpleNamespace], passing: bool, of_rows: bool) -> None:
    error = _error(results, None)
    assert (error.passing, error.of_rows) == (passing, of_rows)


def test_a_build_that_never_began_is_not_of_rows() -> None:
    error = _error([], RuntimeError("Compilation Error"))
    assert (str(error), error.passing, error.of_rows) == ("dbt could not build: Compilation Error", False, False)


def test_what_only_a_person_can_mend_is_said_first() -> None:
    message = str(_error([AWAY, FOUND_ROWS, NO_SUCH_COLUMN], None))
    assert message.index("fact:") < message.index("balances:") < message.index("late:")


def test_models_that_failed_or_were_skipped_are_unbuilt() -> None:
    built, skipped = result("built", "success"), result("skipped", "skipped")
    error = _error([built, FOUND_ROWS, NO_SUCH_COLUMN, skipped], None)
    assert error.unbuilt == {"lake.silver.fact", "lake.silver.skipped"}
    assert "3 of the models" not in str(error), "what was skipped did not fail"
