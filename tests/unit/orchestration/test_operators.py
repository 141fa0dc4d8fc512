from __future__ import annotations

from datetime import UTC, date, datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from tieout.controls import repair, tie_out
from tieout.errors import ConfigError, DriftError, ExtractionError, SchemaError, TransformationError
from tieout.orchestration import dbt_build, operators
from tieout.orchestration.dbt_trigger import RECORD
from tieout.orchestration.operators import DbtBuildOperator, StepOperator, batch_of
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


class Build:
    """dbt_build, mend_silver and rebuild as DbtBuildOperator calls them; each gives what it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failure: Exception | None, mended: Any = (), again: Any = None):
        self.calls: list[Any] = []
        monkeypatch.setattr(dbt_build, "dbt_build", lambda *_, **__: self._call("build", failure))
        monkeypatch.setattr(tie_out, "mend_silver", lambda _, unbuilt: self._call(("mend", unbuilt), mended))
        monkeypatch.setattr(repair, "rebuild", lambda *_, **__: self._call("rebuild", again))

    def _call(self, what: Any, gives: Any) -> Any:
        self.calls.append(what)
        if isinstance(gives, Exception):
            raise gives
        return gives or {}

    def run(self) -> tuple[str | None, bool]:
        """The message that the task ends with for good, None when it ends well; and whether the record is final."""
        given = context()
        try:
            DbtBuildOperator(task_id="b").execute(given)
        except AirflowFailException as error:
            return str(error), given["ti"].pushed[RECORD]["final"]
        return None, given["ti"].pushed[RECORD]["final"]


OF_ROWS = TransformationError("a test found 2 rows", of_rows=True, unbuilt=frozenset({"lake.silver.x"}))


def test_a_build_that_ends_well_asks_for_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    build = Build(monkeypatch, None)
    assert (build.run(), build.calls) == ((None, True), ["build"])


def test_rows_that_were_mended_are_built_on_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    build = Build(monkeypatch, OF_ROWS, mended=["repair"])
    assert (build.run(), build.calls) == ((None, True), ["build", ("mend", {"lake.silver.x"}), "rebuild"])


def test_where_silver_is_right_the_failure_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    build = Build(monkeypatch, OF_ROWS)
    assert (build.run(), build.calls[2:]) == (("a test found 2 rows", True), [])


@pytest.mark.parametrize("error", [TransformationError("no such column"), ConfigError("the project does not parse")])
def test_what_any_rows_would_bring_fails_at_once(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    build = Build(monkeypatch, error, mended=["repair"])
    assert (build.run(), build.calls) == ((str(error), True), ["build"])


@pytest.mark.parametrize("mended", [DriftError("too many rows differ"), ["repair"]], ids=["too much", "not enough"])
def test_drift_that_is_not_mended_is_said_before_what_came_of_it(monkeypatch: pytest.MonkeyPatch, mended: Any) -> None:
    build = Build(monkeypatch, OF_ROWS, mended, again=DriftError("it still fails"))
    said, final = build.run()
    assert final
    assert said.startswith(("too many rows differ\n", "it still fails\n"))
    assert said.endswith("a test found 2 rows")


def test_a_comparison_that_cannot_be_made_hides_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    said, _ = Build(monkeypatch, OF_ROWS, mended=SchemaError("a column is gone")).run()
    assert said.startswith("a test found 2 rows\n")
    assert said.endswith("a column is gone")


@pytest.mark.parametrize("again", [None, TransformationError("Trino went away", passing=True)])
def test_what_passes_is_left_to_the_retries_of_the_build(monkeypatch: pytest.MonkeyPatch, again: Any) -> None:
    passing = TransformationError("Trino went away", passing=True)
    build = Build(monkeypatch, OF_ROWS if again else passing, mended=["repair"], again=again)
    with pytest.raises(TransformationError, match="went away"):
        build.run()
