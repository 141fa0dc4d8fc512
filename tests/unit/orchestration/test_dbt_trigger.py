from __future__ import annotations

import pytest
from airflow.triggers.base import TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent

from tieout.orchestration.dbt_trigger import Look, verdict

MODEL = "model.tieout.fact_payments"


def record(state: str | None, *, of_try: int = 1, final: bool = False) -> dict:
    models = {MODEL: {"state": state, "nodes": []}} if state else {}
    return {"try": of_try, "final": final, "models": models}


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        pytest.param(Look(None, None), None, id="the build has not started"),
        pytest.param(Look("queued", record("success")), None, id="a record of before the build was cleared"),
        pytest.param(Look("running", None), None, id="nothing recorded yet"),
        pytest.param(Look("running", record("running")), None, id="its tests still run"),
        pytest.param(Look("running", record("success")), TaskSuccessEvent, id="success is told at once"),
        pytest.param(Look("running", record("failed")), None, id="a retry may mend a failure"),
        pytest.param(Look("up_for_retry", record("failed")), None, id="a retry follows"),
        pytest.param(Look("running", record("failed", final=True)), TaskFailedEvent, id="no retry follows"),
        pytest.param(Look("failed", record("failed")), TaskFailedEvent, id="failed, build ended"),
        pytest.param(Look("failed", record("skipped")), TaskSkippedEvent, id="skipped, build ended"),
        pytest.param(Look("failed", record(None)), TaskFailedEvent, id="the build never came to it"),
        pytest.param(Look("failed", None), TaskFailedEvent, id="the build was killed"),
        pytest.param(Look("success", record("success")), TaskSuccessEvent, id="looked late"),
    ],
)
def test_a_model_s_task_ends_as_its_model_did(look: Look, expected: type[TriggerEvent] | None) -> None:
    event = verdict(MODEL, 1, look)
    assert event is None if expected is None else type(event) is expected


def test_a_model_cleared_alone_is_built_again() -> None:
    event = verdict(MODEL, 2, Look("success", record("success", of_try=1)))
    assert event is not None
    assert event.payload == "rebuild"


def test_a_model_cleared_with_its_build_follows_the_new_build() -> None:
    assert verdict(MODEL, 2, Look("running", record("running", of_try=2))) is None
    assert isinstance(verdict(MODEL, 2, Look("success", record("success", of_try=2))), TaskSuccessEvent)
