"""`tieout run`: trigger tieout_daily for one day through Airflow and follow it to its end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tieout.batch import Batch
from tieout.orchestration.client import AirflowClient, moment
from tieout.orchestration.overhead import WORK, Overhead, overhead

if TYPE_CHECKING:
    from rich.console import Console

    from tieout.local.progress import Board, Step

DAG_ID = "tieout_daily"
LOOK_EVERY = 1.0  # seconds
# What a run may take at most before the one who follows it gives up; the run itself goes on.
PATIENCE = 6 * 3600.0
_DONE = {"success", "skipped"}
_BAD = {"failed", "upstream_failed", "removed"}
_ORDER = (
    "verify_infrastructure",
    "extract_app_db",
    "extract_stripe",
    "extract_netsuite",
    "extract_planning",
    "extract_wealth",
    "validate_bronze",
    "dbt_build",
    "silver",
    "gold",
    "forecast",
    "anomalies",
    "tie_out",
    "publish",
    "alerts",
)


@dataclass(frozen=True)
class Failure:
    """A task that failed by itself, and its error as its log has it."""

    task_id: str
    error: str


@dataclass(frozen=True)
class RunResult:
    """How a run of a batch ended. state: success or failed."""

    batch: Batch
    state: str
    timing: Overhead
    failures: tuple[Failure, ...]


def run_date(date: str) -> int:
    """Run one day and tell how it went on stderr; returns the exit code, 0 when everything succeeded."""
    from rich.console import Console

    console = Console(stderr=True)
    result = run_batch(date, console)
    for failure in result.failures:
        console.print(f"[red]✗ {failure.task_id}[/] {failure.error}", highlight=False, soft_wrap=True)
    console.print(summary(result), highlight=False, soft_wrap=True)
    return 0 if result.state == "success" else 1


def run_batch(date: str, console: Console | None = None) -> RunResult:
    """Trigger the DAG for a day, show each task's progress, and return how the run ended.

    The same day again is a new run of the same batch. Raises ConfigError for what is no day, StackError when Airflow
    cannot be reached or does not know the DAG.
    """
    from tieout.local.progress import Board

    batch = Batch.of(date, f"manual__{date}__{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    with AirflowClient() as airflow, Board(console, max(map(len, _ORDER))) as board:
        prepare(airflow)
        airflow.unpause(DAG_ID)
        airflow.trigger(DAG_ID, batch.run_id, {"date": str(batch)})
        run = _follow(airflow, batch.run_id, board)
        return RunResult(
            batch,
            run["state"],
            _timing(airflow, run),
            tuple(_failures(airflow, batch.run_id)) if run["state"] == "failed" else (),
        )


def prepare(airflow: AirflowClient) -> None:
    """Have Airflow know the DAG as it is now: dbt's models become tasks, so a change in dbt/ changes the DAG."""
    from tieout.orchestration.manifest import build_manifest

    changed = build_manifest()
    airflow.wait_for_dag(DAG_ID)
    if changed:
        airflow.read_again(DAG_ID)


def summary(result: RunResult) -> str:
    timing = result.timing
    verb = "[green]✓ published[/]" if result.state == "success" else "[red]✗ failed, nothing was published:[/]"
    return (
        f"{verb} {result.batch} in {_seconds(timing.wall)}: {_seconds(timing.work)} of work, "
        f"{_seconds(timing.overhead)} of orchestration"
    )


def _follow(airflow: AirflowClient, run_id: str, board: Board) -> dict[str, Any]:
    lines: dict[str, Step] = {}
    ended: set[str] = set()
    deadline = time.monotonic() + PATIENCE
    while True:
        run = airflow.run(DAG_ID, run_id)
        if run["state"] == "queued":
            _say_why_queued(airflow, run_id, board, lines)
        else:
            for name, tasks in _grouped(airflow.task_instances(DAG_ID, run_id)).items():
                if name not in ended and any(task["state"] for task in tasks):
                    if name not in lines:
                        lines[name] = board.step(name, "")
                    if _show(lines[name], tasks):
                        ended.add(name)
        if run["state"] in ("success", "failed") or time.monotonic() > deadline:
            return run
        time.sleep(LOOK_EVERY)


def _say_why_queued(airflow: AirflowClient, run_id: str, board: Board, lines: dict[str, Step]) -> None:
    running = [run["dag_run_id"] for run in airflow.runs(DAG_ID, state="running")]
    if running and run_id not in running:
        if "queue" not in lines:
            lines["queue"] = board.step("queue", "")
        lines["queue"].update(f"waiting for {', '.join(running)} to end: runs of {DAG_ID} go one after the other")


def _grouped(instances: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Task instances by the line that shows them: a task group's together, in the order of the way of the data."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for instance in instances:
        groups.setdefault(instance["task_id"].split(".", 1)[0], []).append(instance)
    return {
        name: groups[name] for name in sorted(groups, key=lambda n: _ORDER.index(n) if n in _ORDER else len(_ORDER))
    }


def _show(step: Step, tasks: Sequence[dict[str, Any]]) -> bool:
    """Show where a line's tasks are; returns whether all have ended."""
    states = [task["state"] for task in tasks]
    done, bad = sum(s in _DONE for s in states), [t for t in tasks if t["state"] in _BAD]
    if done + len(bad) < len(tasks):
        tries = max(task["try_number"] for task in tasks)
        text = {"up_for_retry": f"try {tries} failed, waiting for the next"}.get(states[0] or "", "running")
        if len(tasks) > 1:
            step.update(f"{done} of {len(tasks)} models", done, len(tasks))
        else:
            step.update(text if "queued" not in states and "scheduled" not in states else "starting")
        return False
    failed = [task["task_id"] for task in bad if task["state"] == "failed"]
    if failed:
        step.fail(f"{', '.join(failed)} failed" if len(tasks) > 1 else "failed")
    elif bad:
        step.fail("not run: something before it failed")
    else:
        step.finish(f"{len(tasks)} models" if len(tasks) > 1 else _seconds(_duration(tasks[0])))
    return True


def _failures(airflow: AirflowClient, run_id: str) -> list[Failure]:
    """The tasks that failed by themselves, first first. A model's failure is told by dbt_build, which has its error."""
    failed = [task for task in airflow.task_instances(DAG_ID, run_id) if task["state"] == "failed"]
    own = [task for task in failed if "." not in task["task_id"]] or failed
    return [
        Failure(task["task_id"], error_in(airflow.log_lines(DAG_ID, run_id, task["task_id"], task["try_number"])))
        for task in sorted(own, key=lambda task: task["end_date"] or "")
    ]


def error_in(lines: Sequence[dict[str, Any]]) -> str:
    """The last exception of a task's log, else its last error, in one line."""
    for line in reversed(lines):
        if details := line.get("error_detail"):
            return " ".join(str(details[0].get("exc_value", "")).split()) or str(details[0].get("exc_type"))
    # What libraries write to stderr while the process ends counts as errors too, and comes after the exception.
    for line in reversed(lines):
        if str(line.get("level", "")).lower() in ("error", "critical"):
            return " ".join(str(line["event"]).split())
    return "its log has no error: it was ended from outside. Run the day again"


def _timing(airflow: AirflowClient, run: dict[str, Any]) -> Overhead:
    """Of the run from its request to its end, as Airflow's clock has it."""
    start = moment(run["queued_at"])
    end = moment(run["end_date"]) or datetime.now(UTC)
    assert start is not None, "a run that was triggered has been queued"
    spans = []
    for task in airflow.task_instances(DAG_ID, run["dag_run_id"]):
        if "." in task["task_id"] or not task["start_date"]:
            continue
        span = airflow.xcom(DAG_ID, run["dag_run_id"], task["task_id"], WORK)
        if span:
            spans.append((datetime.fromisoformat(span[0]), datetime.fromisoformat(span[1])))
    return overhead(start, end, spans)


def _duration(task: dict[str, Any]) -> timedelta:
    start, end = moment(task["start_date"]), moment(task["end_date"])
    assert start is not None and end is not None, "a task that has ended has started"
    return end - start


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():.1f} s"
