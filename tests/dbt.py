"""dbt inside a test."""

from __future__ import annotations

import json
from pathlib import Path

from dbt.cli.main import dbtRunner

from tieout.settings import PROJECT_ROOT

PROJECT = PROJECT_ROOT / "dbt"


def build(project: Path, as_of: str | None, *options: str, **variables: str | int) -> None:
    """Run `dbt build` of a project as of a day. Fails with what dbt said of every node that failed."""
    if as_of:
        variables["as_of"] = as_of
    arguments = ["build", "--project-dir", str(project), "--profiles-dir", str(PROJECT), "--quiet", *options]
    arguments += ["--vars", json.dumps(variables)]
    done = dbtRunner().invoke(arguments)
    failed = [f"{r.node.name}: {r.message}" for r in done.result or () if r.status in ("error", "fail", "skipped")]
    assert done.success, "\n".join(failed) or str(done.exception)
