"""One `dbt build` in this process, with a record of each model that grows while it runs. Knows nothing of Airflow."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from tieout.batch import Batch
from tieout.errors import TransformationError
from tieout.orchestration.manifest import (
    Model,
    build_manifest,
    dbt_arguments,
    load_models,
    parsed_project,
    set_dbt_environment,
)

_NO_VARIABLES: Mapping[str, Any] = MappingProxyType({})
_BUILT = frozenset({"success", "pass", "warn"})
# What dbt-trino says when Trino could not be reached or went away; the same statement may succeed on the next try.
_PASSING_TROUBLE = (
    "connection refused",
    "connection reset",
    "connection aborted",
    "max retries exceeded",
    "remote end closed",
    "timed out",
    "service unavailable",
    "server is shutting down",
    "server_starting_up",
    "no nodes available",
)
# The names of Trino's errors that come of the rows that a statement reads; all others are of the statement or of Trino.
_TROUBLE_WITH_ROWS = (
    "CONSTRAINT_VIOLATION",
    "DIVISION_BY_ZERO",
    "INVALID_CAST_ARGUMENT",
    "INVALID_FUNCTION_ARGUMENT",
    "MERGE_TARGET_ROW_MULTIPLE_MATCHES",
    "NUMERIC_VALUE_OUT_OF_RANGE",
    "SUBQUERY_MULTIPLE_ROWS",
)


@dataclass
class NodeRecord:
    """What became of one model or test. status: dbt's own word; seconds: dbt's wall time; message: dbt's own."""

    status: str
    seconds: float
    message: str


@dataclass
class ModelRecord:
    """What became of one model. state: running, success, failed or skipped; a failed test fails its model."""

    model: Model
    waiting: set[str]
    results: dict[str, NodeRecord] = field(default_factory=dict)

    @property
    def state(self) -> str:
        states = [result.status for result in self.results.values()]
        if any(state not in _BUILT and state != "skipped" for state in states):
            return "failed"
        if self.waiting:
            return "running"
        own = self.results[self.model.unique_id].status
        return "skipped" if own == "skipped" else "success"

    def as_dict(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "nodes": [[name, r.status, round(r.seconds, 3), r.message] for name, r in self.results.items()],
        }


class BuildProgress:
    """The records of all models of one build, fed by dbt's events. Thread-safe: dbt reports from several threads."""

    def __init__(self, models: Sequence[Model], tests: dict[str, list[str]]):
        """tests: for each model's unique id the unique ids of the tests that decide about it."""
        self._lock = threading.Lock()
        self._records = {m.unique_id: ModelRecord(m, {m.unique_id, *tests.get(m.unique_id, ())}) for m in models}
        self._owner = {node: model for model, record in self._records.items() for node in record.waiting}

    def finished(self, unique_id: str, result: NodeRecord) -> bool:
        """Note a node's end; a later note of the same node holds. Returns whether its model's state changed."""
        owner = self._owner.get(unique_id)
        if owner is None:
            return False
        with self._lock:
            record = self._records[owner]
            before = record.state
            record.waiting.discard(unique_id)
            record.results[unique_id] = result
            return record.state != before

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """The records by unique id, of the models of which at least one node has ended."""
        with self._lock:
            return {unique_id: record.as_dict() for unique_id, record in self._records.items() if record.results}


def dbt_build(
    batch: Batch,
    select: Sequence[str] = (),
    changed: Callable[[dict[str, dict[str, Any]]], None] = lambda records: None,
    quiet: bool = False,
    variables: Mapping[str, Any] = _NO_VARIABLES,
) -> dict[str, dict[str, Any]]:
    """Build and test every model (or those that `select` names) as of the batch's day; returns the models' records.

    changed: called from dbt's threads with all records whenever the state of one changed; it must be quick.
    quiet: dbt prints errors only. variables: more of dbt's variables than the day.
    Raises TransformationError when a model or a test failed; it says what may help. ConfigError when the project does
    not parse.
    """
    from dbt.cli.main import dbtRunner

    # The client tells in every process that it has no use for a keyring.
    logging.getLogger("trino.auth").setLevel(logging.WARNING)
    build_manifest()
    set_dbt_environment()
    manifest = _load_manifest()
    progress = BuildProgress(load_models(), _deciding_tests(manifest))

    def listen(event: Any) -> None:
        if event.info.name != "NodeFinished":
            return
        result = event.data.run_result
        ended = NodeRecord(_word(result.status), result.execution_time, result.message)
        if progress.finished(event.data.node_info.unique_id, ended):
            changed(progress.as_dict())

    arguments = ["build", *dbt_arguments(), "--vars", json.dumps({"as_of": str(batch), **variables}), "--no-use-colors"]
    # Unit tests prove the models' SQL once, in `make test`; they say nothing about the day's data.
    arguments += ["--exclude-resource-type", "unit_test"]
    if select:
        arguments += ["--select", *select]
    if quiet:
        arguments.append("--quiet")
    result = dbtRunner(manifest=manifest, callbacks=[listen]).invoke(arguments)
    if not result.success:
        raise _error(getattr(result.result, "results", []), result.exception)
    return progress.as_dict()


def _load_manifest() -> Any:
    from dbt.contracts.graph.manifest import Manifest

    manifest = Manifest.from_msgpack(parsed_project().read_bytes())
    manifest.build_flat_graph()
    manifest.build_parent_and_child_maps()
    return manifest


def _deciding_tests(manifest: Any) -> dict[str, list[str]]:
    """For each model the tests that decide about it: those written at it, or that read it last of all models."""
    order = {model.unique_id: place for place, model in enumerate(load_models())}
    tests: dict[str, list[str]] = {}
    for node in manifest.nodes.values():
        if node.resource_type != "test":
            continue
        read = [parent for parent in node.depends_on.nodes if parent in order]
        owner = getattr(node, "attached_node", None)
        if owner not in order:
            owner = max(read, key=order.__getitem__, default=None)
        if owner:
            tests.setdefault(owner, []).append(node.unique_id)
    return tests


def _word(status: Any) -> str:
    return str(getattr(status, "value", status))


def _error(results: Sequence[Any], exception: BaseException | None) -> TransformationError:
    """What a build's results (dbt's RunResults) say as one error; what nobody but a person can mend comes first."""
    ended = [(_word(r.status), r) for r in results if _word(r.status) not in _BUILT]
    failures = [(_is_passing(r.message or ""), _is_of_rows(status, r), r) for status, r in ended if status != "skipped"]
    if not failures:
        return TransformationError(f"dbt could not build: {exception}", passing=_is_passing(str(exception)))
    failures.sort(key=lambda failure: (failure[0], failure[1]))
    lines = [f"{failure.node.name}: {' '.join((failure.message or '').split())}" for _, _, failure in failures]
    passing = all(passes for passes, _, _ in failures)
    remedy = "run the day again" if passing else "correct the data or the model, then run the day again"
    return TransformationError(
        f"dbt: {len(failures)} of the models and tests failed: {'; '.join(lines)}. Nothing was published: {remedy}",
        passing=passing,
        # beside one error of another kind, the build fails with any rows
        of_rows=not passing and all(passes or of_rows for passes, of_rows, _ in failures),
        unbuilt=frozenset(
            f"{r.node.database}.{r.node.schema}.{r.node.alias}" for _, r in ended if r.node.resource_type == "model"
        ),
    )


def _is_passing(message: str) -> bool:
    return any(word in message.lower() for word in _PASSING_TROUBLE)


def _is_of_rows(status: str, result: Any) -> bool:
    """Whether rows are at fault: a test found some (one that cannot run has `error`), or Trino choked on one."""
    return status == "fail" or any(f"name={name}," in (result.message or "") for name in _TROUBLE_WITH_ROWS)
