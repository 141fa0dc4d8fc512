from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tieout.cli import app
from tieout.errors import StackError
from tieout.settings import get_settings


def test_help_names_every_verb() -> None:
    out = CliRunner().invoke(app, ["--help"]).output
    verbs = (
        "up",
        "down",
        "status",
        "logs",
        "sql",
        "generate",
        "pull",
        "run",
        "aging",
        "tie-out",
        "alerts",
        "budget",
        "demo",
    )
    for verb in verbs:
        assert f" {verb} " in out


def test_a_named_failure_is_one_line_and_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(board: object) -> None:
        raise StackError("port 1 is in use: stop it")

    monkeypatch.setattr("tieout.local.stack.up", fail)
    result = CliRunner().invoke(app, ["up"])
    assert result.exit_code == 1
    assert result.stderr == "error: port 1 is in use: stop it\n"


@pytest.mark.parametrize(
    ("verb", "server"),
    [
        (["budget", "--account", "a", "--month", "2027-01", "--amount", "1"], "Postgres"),
        (["tie-out"], "Trino"),
        (["pull", "stripe", "--date", "2026-11-20"], "the S3 store"),
    ],
    ids=["postgres", "trino", "s3"],
)
def test_a_server_that_cannot_be_reached_is_named_with_what_to_do(
    verb: list[str], server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIEOUT_HOME", str(tmp_path))
    for name in ("POSTGRES_PASSWORD", "LAKE_ACCESS_KEY", "LAKE_SECRET_KEY", "STRIPE_API_KEY"):
        monkeypatch.setenv(f"TIEOUT_{name}", "secret")
    for name in ("POSTGRES_PORT", "TRINO_PORT", "MINIO_PORT"):
        monkeypatch.setenv(f"TIEOUT_{name}", "1")
    get_settings.cache_clear()
    try:
        result = CliRunner().invoke(app, verb)
    finally:
        get_settings.cache_clear()
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {server} cannot be reached: run `tieout up` (")
    assert result.stderr.count("\n") == 1
    assert "secret" not in result.stderr


def test_starting_the_command_line_imports_nothing_heavy() -> None:
    heavy = ("airflow", "boto3", "dbt", "pandas", "pyarrow", "pyiceberg", "psycopg", "sqlalchemy", "trino", "prophet")
    code = f"import sys, tieout.cli; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
