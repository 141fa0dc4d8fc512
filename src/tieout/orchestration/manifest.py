"""dbt's manifest, made once per state of the dbt project and not once per run.

`build_manifest` parses the project when a file of it changed and leaves, under <home>/dbt:

* target/partial_parse.msgpack: the parsed project, which `dbt_build` hands to dbt instead of parsing again (dbt's own
  partial parsing starts over whenever --vars change, and as_of changes every day),
* models.json: the few facts of each model that the DAG file needs, so that parsing a DAG reads kilobytes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tieout.errors import ConfigError
from tieout.settings import PROJECT_ROOT, get_settings

DBT_PROJECT = PROJECT_ROOT / "dbt"
# What dbt reads; its own output folders and Python's caches stay out of the hash.
_READ = ("dbt_project.yml", "profiles.yml", "models", "macros", "tests", "seeds", "snapshots")


@dataclass(frozen=True)
class Model:
    """One dbt model. layer: silver or gold; relation: catalog.schema.table; parents: unique ids of models it reads."""

    unique_id: str
    name: str
    layer: str
    relation: str
    description: str
    parents: tuple[str, ...]


def dbt_home() -> Path:
    return get_settings().home / "dbt"


def models_file() -> Path:
    return dbt_home() / "models.json"


def parsed_project() -> Path:
    return dbt_home() / "target" / "partial_parse.msgpack"


def dbt_arguments() -> list[str]:
    """The options that every call of dbt needs: where the project is, and that its output stays under <home>."""
    return [
        *("--project-dir", str(DBT_PROJECT)),
        *("--profiles-dir", str(DBT_PROJECT)),
        *("--target-path", str(dbt_home() / "target")),
        *("--log-path", str(dbt_home() / "logs")),
    ]


def set_dbt_environment() -> None:
    """Put the settings that the dbt project reads into this process's environment."""
    settings = get_settings()
    os.environ.update(
        # Without it dbt writes a file with a user's id beside the profiles before it reads the project's flags.
        DBT_SEND_ANONYMOUS_USAGE_STATS="false",
        TIEOUT_TRINO_HOST=settings.trino_host,
        TIEOUT_TRINO_PORT=str(settings.trino_port),
        TIEOUT_TRINO_USER=settings.trino_user,
        TIEOUT_TIMING_DIFFERENCE_HOURS=str(settings.timing_difference_hours),
        TIEOUT_KPI_WINDOW_DAYS=str(settings.kpi_window_days),
    )


def load_models() -> list[Model]:
    """The models of the newest build_manifest(), parents before children. Reads one small file and nothing else.

    Raises ConfigError when build_manifest() has not run yet.
    """
    try:
        document = json.loads(models_file().read_text())
    except FileNotFoundError as error:
        raise ConfigError(f"{models_file()} is not there: run `tieout up`, which makes it from dbt/") from error
    return [Model(**{**model, "parents": tuple(model["parents"])}) for model in document["models"]]


def build_manifest() -> bool:
    """Parse the dbt project if a file of it changed since the last time. Returns whether it had to.

    Needs no connection. Raises ConfigError with dbt's own message when the project does not parse.
    """
    home = dbt_home()
    home.mkdir(parents=True, exist_ok=True)
    with _lock(home / "lock"):
        digest = project_hash()
        if parsed_project().exists() and _written_hash() == digest:
            return False
        models = _parse()
        partial = models_file().with_suffix(".partial")
        partial.write_text(json.dumps({"hash": digest, "models": [asdict(model) for model in models]}, indent=1))
        partial.replace(models_file())
    return True


def project_hash(project: Path = DBT_PROJECT) -> str:
    """The sha256 over names and content of every file that dbt reads, and over dbt's version."""
    from importlib.metadata import version

    digest = hashlib.sha256(f"{version('dbt-core')} {version('dbt-trino')}".encode())
    for entry in _READ:
        root = project / entry
        files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
        for file in files:
            digest.update(f"{file.relative_to(project)}\0{file.stat().st_size}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _written_hash() -> str | None:
    try:
        return json.loads(models_file().read_text())["hash"]
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _parse() -> list[Model]:
    from dbt.cli.main import dbtRunner

    set_dbt_environment()
    # A half-written parse of an earlier crash must not be taken for this state of the project.
    parsed_project().unlink(missing_ok=True)
    result = dbtRunner().invoke(["--quiet", "parse", *dbt_arguments(), "--no-use-colors"])
    if not result.success:
        raise ConfigError(f"the dbt project in {DBT_PROJECT} does not parse: {result.exception or 'see above'}")
    manifest = result.result
    nodes = {node.unique_id: node for node in manifest.nodes.values() if node.resource_type == "model"}
    return [_model(nodes[unique_id], nodes) for unique_id in _in_order(nodes)]


def _model(node, nodes: Mapping) -> Model:
    layer = node.fqn[1]  # the folder under models/
    if layer not in ("silver", "gold"):
        raise ConfigError(f"dbt/{node.original_file_path}: a model stands in models/silver or models/gold")
    return Model(
        unique_id=node.unique_id,
        name=node.name,
        layer=layer,
        relation=f"{node.database}.{node.schema}.{node.alias}",
        description=node.description,
        parents=tuple(sorted(parent for parent in node.depends_on.nodes if parent in nodes)),
    )


def _in_order(nodes: Mapping) -> Iterator[str]:
    from graphlib import TopologicalSorter

    graph = {
        unique_id: sorted(parent for parent in node.depends_on.nodes if parent in nodes)
        for unique_id, node in sorted(nodes.items())
    }
    return TopologicalSorter(graph).static_order()


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
