"""lake.ops.runs: that a run started, how it ended, and why it failed."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tieout.batch import Batch

if TYPE_CHECKING:
    from airflow.sdk.types import Context

log = logging.getLogger(__name__)


def record_state(batch: Batch, status: str, started_at: datetime, reason: str | None = None) -> None:
    """Append a run's state; status: running, succeeded or failed."""
    from tieout.controls import ops

    ended = None if status == "running" else datetime.now(UTC)
    ops.record_runs([ops.Run(batch.run_id, batch.day, status, started_at, ended, reason)])


def record_failure(context: Context) -> None:
    """Airflow's on_failure_callback of a task: the run has failed, and this task's error says why.

    Never raises: the task's own error is what people must see.
    """
    from tieout.orchestration.operators import batch_of, started_at

    ti = context["ti"]
    reason = f"{ti.task_id}: {context.get('exception') or 'it was ended from outside; see its log'}"
    try:
        record_state(batch_of(context), "failed", started_at(context), reason)
    except Exception:
        log.warning("the failed run could not be recorded in lake.ops.runs", exc_info=True)
