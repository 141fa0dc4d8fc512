"""Work that Airflow's processes do once, when they start, and not in every task or in the middle of the first run.

The scheduler imports what every task imports; its executor's workers are forks of it, so their tasks find it there.
The triggerer makes its API client, which takes seconds, before the first trigger asks for it.
"""

from __future__ import annotations

import logging
import threading
from importlib import import_module

from airflow.listeners import hookimpl

log = logging.getLogger(__name__)

# What parsing the DAG files and running a task needs in any case. The heavy libraries of single tasks (dbt, Great
# Expectations, Prophet) stay out: they would count in the memory of every task.
SHARED = (
    "airflow.sdk.execution_time.task_runner",
    "airflow.timetables.interval",
    "tieout.connections",
    "tieout.controls.ops",
    "tieout.orchestration.assets",
    "tieout.orchestration.operators",
    "tieout.orchestration.timetable",
    "httpx",
    "trino.dbapi",
)


@hookimpl
def on_starting(component: object) -> None:
    """Airflow's listener: called in each component before its main loop."""
    kind = getattr(component, "job_type", None)
    if kind == "SchedulerJob":
        for module in SHARED:
            import_module(module)
    elif kind == "TriggererJob":
        # Not waited for: the triggerer is ready without it, and nothing is lost if it fails.
        threading.Thread(target=_make_client, name="warm", daemon=True).start()


def _make_client() -> None:
    from airflow.jobs import triggerer_job_runner

    try:
        _ = triggerer_job_runner.in_process_api_server().transport
    except Exception:
        log.warning("the triggerer's API client was not made ahead of its first use", exc_info=True)
