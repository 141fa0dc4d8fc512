from __future__ import annotations

from datetime import UTC, date, datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from tieout.errors import ConfigError, DriftError, ExtractionError
from tieout.orchestration import operators
from tieout.orchestration.operators import StepOperator, batch_of
from tieout.orchestration.overhead import WORK

RUN_AFTER = datetime(2026, 11, 21, 3, tzinfo=UTC)


def context(**overrides: Any) -> dict[str, Any]:
    """What Airflow gives a task of a manual run without a date, as far as the operators read it."""
    run = {"run_id": "manual__1", "run_after": RUN_AFTER, "data_interval_start": None, "start_date": RUN_AFTER}
    pushed: dict[str, Any] = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}), try_number=1, pushed=pushed)
    return {"dag_run": SimpleNamespace(**run | overrides), "params": {"date": None}, "ti": ti}


def test_a_scheduled_run_is_of_the_day_its_interval_starts() -> None:
    batch = batch_of(context(data_interval_start=datetime(2026, 11, 19, 2, tzinfo=UTC)))
    assert (batch.day, batch.run_id) == (date(2026, 11, 19), "manual__1")
    assert batch.interval_start == datetime(2026, 11, 19, 2, tzinfo=UTC)


def test_a_date_that_was_asked_for_goes_before_the_interval() -> None:
    asked = context(data_interval_start=datetime(2026, 11, 19, 2, tzinfo=UTC))
    asked["params"]["date"] = "2012-12-31"
    assert batch_of(asked).day == date(2012, 12, 31)


def test_what_is_no_date_is_refused() -> None:
    asked = context()
    asked["params"]["date"] = "31.12.2012"
    with pytest.raises(ConfigError, match="YYYY-MM-DD"):
        batch_of(asked)


@pytest.mark.parametrize(
    ("run_after", "day"),
    [
        pytest.param(datetime(2026, 11, 21, 1, 59, tzinfo=UTC), date(2026, 11, 19), id="just before an interval ends"),
        pytest.param(datetime(2026, 11, 21, 2, 0, tzinfo=UTC), date(2026, 11, 20), id="as it ends"),
    ],
)
def test_a_manual_run_without_a_date_is_of_the_last_complete_interval(run_after: datetime, day: date) -> None:
    assert batch_of(context(run_after=run_after)).day == day


class Step:
    """A function of the package as a task calls it; notes its arguments, and fails when it is to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None):
        self.calls: list[tuple] = []
        self.error = error
        module = ModuleType("some.module")
        module.function = self  # type: ignore[attr-defined]
        monkeypatch.setattr(operators, "import_module", lambda name: {"some.module": module}[name])

    def __call__(self, *arguments: object) -> list[str]:
        self.calls.append(arguments)
        if self.error:
            raise self.error
        return ["an outcome"]


def test_a_step_is_called_with_the_batch_after_its_own_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    step, given = Step(monkeypatch), context()
    StepOperator(task_id="t", call="some.module:function", before=("stripe",)).execute(given)
    assert step.calls == [("stripe", batch_of(given))]


def test_a_step_that_is_no_part_of_a_batch_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step(monkeypatch)
    StepOperator(task_id="t", call="some.module:function", with_batch=False).execute(context())
    assert step.calls == [()]


@pytest.mark.parametrize("error", [DriftError("payments drifts by 0.01"), TypeError("no such argument")])
def test_what_can_only_fail_again_is_not_retried(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    Step(monkeypatch, error)
    with pytest.raises(AirflowFailException, match=str(error)):
        StepOperator(task_id="t", call="some.module:function").execute(context())


@pytest.mark.parametrize("error", [ConnectionError("refused"), ExtractionError("the connection was lost")])
def test_what_may_pass_is_left_to_airflow_s_retries(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    Step(monkeypatch, error)
    with pytest.raises(type(error)):
        StepOperator(task_id="t", call="some.module:function").execute(context())


@pytest.mark.parametrize("error", [None, ConnectionError("refused")], ids=["done", "failed"])
def test_the_time_of_the_work_is_noted_either_way(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> None:
    Step(monkeypatch, error)
    given = context()
    if error:
        with pytest.raises(ConnectionError):
            StepOperator(task_id="t", call="some.module:function").execute(given)
    else:
        StepOperator(task_id="t", call="some.module:function").execute(given)
    start, end = (datetime.fromisoformat(moment) for moment in given["ti"].pushed[WORK])
    assert start <= end
