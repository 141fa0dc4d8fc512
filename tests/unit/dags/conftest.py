"""The DAG files as Airflow's own loader reads them, in a process of their own: no test can help them with an import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tieout.orchestration import manifest
from tieout.settings import PROJECT_ROOT, get_settings

_LOAD = """
import json, sys, time
import airflow.sdk
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

before = set(sys.modules)
started = time.process_time()
bag = DagBag(sys.argv[1])
seconds = time.process_time() - started
imported = set(sys.modules)
dags = {dag_id: DagSerialization.to_dict(dag)["dag"] for dag_id, dag in bag.dags.items()}
for dag in bag.dags.values():
    dag.check_cycle()
print(json.dumps({
    "errors": {str(file): error for file, error in bag.import_errors.items()},
    "seconds": seconds,
    "imported": sorted(imported - before),
    "dags": {
        dag_id: {
            "doc": dag.doc_md, "owner": dag.owner, "catchup": dag.catchup, "max_active_runs": dag.max_active_runs,
            "timetable": f"{type(dag.timetable).__module__}.{type(dag.timetable).__name__}",
            "expression": dag.timetable.serialize()["expression"],
            "intervals": dag.timetable.__class__.__mro__[1].__name__,
            "date": dag.params.get_param("date").dump() if "date" in dag.params else None,
            "tasks": {
                task.task_id: {
                    "upstream": sorted(task.upstream_task_ids), "owner": task.owner, "retries": task.retries,
                    "delay": task.retry_delay.total_seconds(), "backoff": task.retry_exponential_backoff,
                    "kind": type(task).__name__, "call": getattr(task, "call", None),
                    "outlets": [asset.name for asset in task.outlets],
                    "from_trigger": task.start_from_trigger,
                } for task in dag.tasks
            },
        } for dag_id, dag in bag.dags.items()
    },
}))
"""


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Airflow finds in airflow/dags: errors, seconds of CPU, modules imported, and the facts of each DAG."""
    home = tmp_path_factory.mktemp("dags")
    patch = pytest.MonkeyPatch()
    patch.setenv("TIEOUT_HOME", str(home))
    get_settings.cache_clear()
    try:
        manifest.build_manifest()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": str(home / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "airflow" / "plugins"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        }
        done = subprocess.run(
            [sys.executable, "-c", _LOAD, str(PROJECT_ROOT / "airflow" / "dags")],
            env=environment,
            cwd=home,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return {**json.loads(done.stdout.splitlines()[-1]), "models": manifest.load_models(), "home": Path(home)}
    finally:
        patch.undo()
        get_settings.cache_clear()
