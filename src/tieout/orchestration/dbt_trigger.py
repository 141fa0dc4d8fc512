"""The end of a dbt model's task: a trigger that reports what the running build has recorded of its model.

It runs in Airflow's triggerer from the task's start to its end, so a task per model costs no process. All models of
a run share one look at the record, however many they are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakValueDictionary

from airflow.triggers.base import BaseTrigger, TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent

LOOK_EVERY = 0.5  # seconds
# XCom key under which DbtBuildOperator keeps {"try": its try, "final": no retry will follow, "models": {id: record}}.
RECORD = "models"
_ENDED = ("success", "failed", "upstream_failed", "skipped", "removed")


@dataclass(frozen=True)
class Look:
    """state: of the build's task, as Airflow has it; record: what the build has recorded so far, None for nothing."""

    state: str | None
    record: dict[str, Any] | None

    @property
    def ended(self) -> bool:
        """No further attempt of the build will change what it recorded of a failed model."""
        return self.state in _ENDED or bool(self.record and self.record["final"])


class BuildWatch:
    """One build as seen from the triggerer, looked at no more than once in LOOK_EVERY."""

    _shared: ClassVar[WeakValueDictionary[tuple[str, str, str], BuildWatch]] = WeakValueDictionary()

    def __init__(self, dag_id: str, run_id: str, task_id: str):
        self._dag_id, self._run_id, self._task_id = dag_id, run_id, task_id
        self._lock = asyncio.Lock()
        self._last: Look | None = None
        self._at = 0.0

    @classmethod
    def of(cls, dag_id: str, run_id: str, task_id: str) -> BuildWatch:
        watch = cls._shared.get((dag_id, run_id, task_id))
        if watch is None:
            watch = cls._shared[dag_id, run_id, task_id] = cls(dag_id, run_id, task_id)
        return watch

    async def look(self) -> Look:
        from asgiref.sync import sync_to_async

        async with self._lock:
            if self._last is None or time.monotonic() - self._at >= LOOK_EVERY:
                self._last = await sync_to_async(self._fetch)()
                self._at = time.monotonic()
            return self._last

    def _fetch(self) -> Look:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
        from airflow.sdk.execution_time.xcom import XCom

        # The state comes first: a record read after the build has ended is its last.
        states = RuntimeTaskInstance.get_task_states(
            dag_id=self._dag_id, task_ids=[self._task_id], run_ids=[self._run_id]
        )
        record = XCom.get_one(key=RECORD, dag_id=self._dag_id, run_id=self._run_id, task_id=self._task_id, map_index=-1)
        return Look(states.get(self._run_id, {}).get(self._task_id), record)


class DbtModelTrigger(BaseTrigger):
    """Ends its task when the build has ended its model; see `verdict` for how."""

    def __init__(self, unique_id: str, relation: str, build_task_id: str):
        super().__init__()
        self.unique_id, self.relation, self.build_task_id = unique_id, relation, build_task_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "tieout.orchestration.dbt_trigger.DbtModelTrigger",
            {"unique_id": self.unique_id, "relation": self.relation, "build_task_id": self.build_task_id},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        ti = self.task_instance
        assert ti is not None, "the triggerer sets the task instance of a task's trigger"
        watch = BuildWatch.of(ti.dag_id, ti.run_id, self.build_task_id)
        while True:
            look = await watch.look()
            event = verdict(self.unique_id, ti.try_number, look)
            if event is not None:
                self._tell(look)
                yield event
                return
            await asyncio.sleep(LOOK_EVERY)

    def _tell(self, look: Look) -> None:
        record = (look.record or {}).get("models", {}).get(self.unique_id)
        if record is None:
            self.log.info("%s: %s has nothing about it; its log says why", self.relation, self.build_task_id)
            return
        for name, status, seconds, message in record["nodes"]:
            level = self.log.info if status in ("success", "pass", "skipped") else self.log.error
            level("%s %s in %.2f s%s", name, status, seconds, f": {message}" if message else "")
        self.log.info("%s: %s; %s has the whole log of dbt", self.relation, record["state"], self.build_task_id)


def verdict(unique_id: str, try_number: int, look: Look) -> TriggerEvent | None:
    """How the model's task ends by what was seen of the build, None while that is open.

    Success is told at once. Failure is told when no retry of the build can mend it. An attempt of the model's task
    that is newer than the build's (somebody cleared it alone) builds its model anew, on a worker.
    """
    record = look.record
    if look.state == "success" and record is not None and try_number > record["try"]:
        return TriggerEvent("rebuild")
    model = record["models"].get(unique_id) if record is not None else None
    if model is not None and model["state"] == "success" and look.state not in (None, "scheduled", "queued"):
        return TaskSuccessEvent()
    if not look.ended:
        return None
    if model is not None and model["state"] == "skipped":
        return TaskSkippedEvent()
    return TaskFailedEvent()
