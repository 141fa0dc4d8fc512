"""Whole runs through the real scheduler. Each module starts from an empty app database and an empty lake."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from tests.lake import fresh_app_database, fresh_lake
from tieout.connections import query
from tieout.orchestration.run import RunResult, run_batch

Rows = dict[str, tuple[int, str]]


@pytest.fixture(scope="module")
def clean_stack(stack: None) -> None:
    fresh_app_database()
    fresh_lake()


@pytest.fixture(scope="session")
def run_day(stack: None) -> Callable[..., RunResult]:
    """Runs a day through Airflow and fails the test with the run's own errors unless it ends as expected."""

    def run(day: object, expected: str = "success") -> RunResult:
        result = run_batch(str(day))
        told = "; ".join(f"{failure.task_id}: {failure.error}" for failure in result.failures)
        assert result.state == expected, f"the run of {day} ended as {result.state}. {told}"
        return result

    return run


def gold(where: dict[str, str] | None = None) -> Rows:
    """Rows and a checksum of the content of each published table; `where` narrows a table by a condition."""
    columns: dict[str, list[str]] = {}
    for table, column in query(
        "select table_name, column_name from lake.information_schema.columns "
        "where table_schema = 'gold' order by table_name, ordinal_position"
    ):
        columns.setdefault(table, []).append(column)
    content = {}
    for table, names in columns.items():
        text = ", ".join(f"coalesce(cast(\"{name}\" as varchar), '∅')" for name in names)
        condition = (where or {}).get(table, "true")
        # Row by row and not in sum, so that a difference is one of rows and not of a hash's chance.
        lines = query(f"select to_hex(md5(to_utf8(concat_ws('|', {text})))) from lake.gold.{table} where {condition}")
        digest = hashlib.sha256("".join(sorted(line for (line,) in lines)).encode()).hexdigest()
        content[table] = (len(lines), digest)
    return content
