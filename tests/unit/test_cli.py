from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from tieout.cli import app
from tieout.errors import StackError


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


def test_starting_the_command_line_imports_nothing_heavy() -> None:
    heavy = ("airflow", "boto3", "dbt", "pandas", "pyarrow", "pyiceberg", "psycopg", "sqlalchemy", "trino", "prophet")
    code = f"import sys, tieout.cli; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
