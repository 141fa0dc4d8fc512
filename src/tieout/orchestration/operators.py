"""The three operators of Tieout's DAGs. They import what they call when they run, so that parsing stays light."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import StartTriggerArgs

from tieout import errors
from tieout.batch import Batch
from tieout.orchestration.dbt_trigger import RECORD, DbtModelTrigger
from tieout.orchestration.overhead import WORK
from tieout.orchestration.runs import record_state

if TYPE_CHECKING:
    from airflow.sdk.types import Context

    from tieout.orchestration.manifest import Model

# What a retry cannot mend: the data, a delivery, a description or the program has to change first.
PERMANENT = (
    errors.ConfigError,
    errors.SchemaError,
    errors.LandingError,
    errors.ValidationError,
    errors.DriftError,
    ImportError,
    AttributeError,
    NameError,
    TypeError,
    AssertionError,
)


def batch_of(context: Context) -> Batch:
    """The batch of a task's run: the day asked for (`date` of its conf), else the day its data interval starts.

    A manual run without a date means the last data interval that is complete.
    """
    run = context["dag_run"]
    asked = (context.get("params") or {}).get("date")
    if asked:
        return Batch.of(asked, run.run_id)
    start = run.data_interval_start
    if start is None:
        start = run.run_after - timedelta(hours=26)
    return Batch.of(start.astimezone(UTC).date(), run.run_id)


def started_at(context: Context) -> datetime:
    """When the run started; a run that is cleared and run again keeps its first start."""
    run = context["dag_run"]
    return run.start_date or run.run_after


class StepOperator(BaseOperator):
    """Calls one function of the package with the run's batch.

    call: `module:function`; before: arguments that come before the batch; with_batch: False for what is no part of a
    batch; marks: the state that the run has in lake.ops.runs once this is done. A failure that no retry can mend fails
    the task at once.
    """

    template_fields = ("call", "before")
    ui_color = "#e8f0fe"

    def __init__(
        self,
        *,
        call: str,
        before: tuple[str, ...] = (),
        with_batch: bool = True,
        marks: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.call, self.before, self.with_batch, self.marks = call, before, with_batch, marks

    def execute(self, context: Context) -> None:
        batch = batch_of(context)
        module, _, function = self.call.partition(":")
        with _measured(context):
            try:
                step = getattr(import_module(module), function)
                step(*self.before, *([batch] if self.with_batch else []))
            except PERMANENT as error:
                raise AirflowFailException(_text(error)) from error
            if self.marks:
                record_state(batch, self.marks, started_at(context))


def _text(error: Exception) -> str:
    """A named error's message stands for itself; a program's error needs its name."""
    return str(error) if isinstance(error, errors.TieoutError) else f"{type(error).__name__}: {error}"


class DbtBuildOperator(BaseOperator):
    """Builds and tests every dbt model in one dbt process, and records each model's state for DbtModelOperator."""

    ui_color = "#fdece2"

    def execute(self, context: Context) -> None:
        from tieout.orchestration.dbt_build import dbt_build

        ti = context["ti"]
        with _measured(context), _Recorder(lambda record: ti.xcom_push(RECORD, record), ti.try_number) as recorder:
            batch = batch_of(context)
            try:
                recorder.note(dbt_build(batch, changed=recorder.note))
            except errors.TransformationError as failure:
                if failure.passing:
                    raise
                self._mend(batch, recorder, failure)
            except PERMANENT as error:
                recorder.final = True
                raise AirflowFailException(_text(error)) from error
            recorder.final = True

    @staticmethod
    def _mend(batch: Batch, recorder: _Recorder, failure: errors.TransformationError) -> None:
        """What failed at rows may have failed because Silver is not what the source is: mend that, and build once more.

        Nothing is compared or built for the sake of a failure that any rows would bring.
        """
        from tieout.controls.repair import rebuild
        from tieout.controls.tie_out import mend_silver

        def gives_up(why: str) -> AirflowFailException:
            recorder.final = True
            return AirflowFailException(why)

        if not failure.of_rows:
            raise gives_up(str(failure)) from failure
        try:
            begun = mend_silver(batch, failure.unbuilt)
            if begun:
                recorder.note(rebuild(batch, begun, everything=True, changed=recorder.note))
        except errors.DriftError as drift:
            # Too much of Silver differs, which the failure then came of; or what was built on mended rows fails now.
            raise gives_up(f"{drift}\nThe build before that: {failure}") from drift
        except PERMANENT as error:
            raise gives_up(f"{failure}\nWhether Silver lacks rows could not be found out: {_text(error)}") from error
        if not begun:
            raise gives_up(str(failure)) from failure


class DbtModelOperator(BaseOperator):
    """A dbt model's task: shows what the build makes of it; cleared alone, it builds its model alone.

    It starts in the triggerer and, unless it builds anew, ends there.
    """

    template_fields = ("relation",)
    start_from_trigger = True
    ui_color = "#fef7e0"

    def __init__(self, *, model: Model, build_task_id: str, **kwargs: Any):
        super().__init__(doc_md=model.description, **kwargs)
        self.unique_id, self.relation, self.build_task_id = model.unique_id, model.relation, build_task_id
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{DbtModelTrigger.__module__}.{DbtModelTrigger.__qualname__}",
            trigger_kwargs=self._trigger_kwargs,
            next_method="rebuild",
            timeout=timedelta(hours=6),
        )

    @property
    def _trigger_kwargs(self) -> dict[str, str]:
        return {"unique_id": self.unique_id, "relation": self.relation, "build_task_id": self.build_task_id}

    def execute(self, context: Context) -> None:
        """Where Airflow starts a task on a worker all the same (dag.test()), hand over to the trigger from there."""
        self.defer(trigger=DbtModelTrigger(**self._trigger_kwargs), method_name="rebuild")

    def rebuild(self, context: Context, event: Any = None) -> None:
        from tieout.orchestration.dbt_build import dbt_build

        with _measured(context):
            try:
                dbt_build(batch_of(context), select=[self.unique_id.rsplit(".", 1)[-1]])
            except errors.TransformationError as error:
                raise AirflowFailException(str(error)) from error


class _measured:
    """Pushes when the work inside started and ended, whether or not it failed, for `tieout run` to sum up."""

    def __init__(self, context: Context):
        self._ti = context["ti"]

    def __enter__(self) -> None:
        self._start = datetime.now(UTC)

    def __exit__(self, *failure: object) -> None:
        self._ti.xcom_push(WORK, [self._start.isoformat(), datetime.now(UTC).isoformat()])


class _Recorder:
    """Pushes the newest record from a thread of its own, so that dbt never waits for Airflow."""

    PUSH_EVERY = 0.5  # seconds, at most

    def __init__(self, push: Callable[[dict[str, Any]], None], try_number: int):
        self._push, self._try = push, try_number
        self._models: dict[str, Any] = {}
        self._news, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="record", daemon=True)
        self.final = False

    def note(self, models: dict[str, Any]) -> None:
        self._models = models
        self._news.set()

    def __enter__(self) -> _Recorder:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._stop.set()
        self._news.set()
        self._thread.join()
        self._push_now()

    def _work(self) -> None:
        while not self._stop.is_set():
            self._news.wait()
            self._news.clear()
            if not self._stop.is_set():
                self._push_now()
                self._stop.wait(self.PUSH_EVERY)

    def _push_now(self) -> None:
        self._push({"try": self._try, "final": self.final, "models": self._models})
