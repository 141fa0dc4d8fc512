"""What is said of rows that psql hands over and Arrow cannot read."""

from pathlib import Path

import pyarrow as pa
import pytest

from tieout.errors import ExtractionError
from tieout.extract import copy
from tieout.settings import get_settings

SCHEMA = pa.schema([("id", pa.int64()), ("memo", pa.string())])


@pytest.fixture
def psql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Gives a psql in whose place a shell script stands."""
    monkeypatch.setenv("TIEOUT_POSTGRES_PASSWORD", "x")
    get_settings.cache_clear()

    def standing_in(script: str) -> None:
        file = tmp_path / "psql"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        monkeypatch.setattr(copy, "psql_binary", lambda: str(file))

    yield standing_in
    get_settings.cache_clear()


def rows() -> list[dict]:
    return [row for batch in copy.copy("select", SCHEMA, "snapshot") for row in batch.to_pylist()]


def test_an_empty_cell_is_null_and_empty_text_is_none(psql) -> None:
    psql('printf \'1,\\n2,""\\n3,"two\\nlines"\\n\'')
    assert [row["memo"] for row in rows()] == [None, "", "two\nlines"]


@pytest.mark.parametrize(
    ("script", "says"),
    [
        pytest.param(
            "echo 1,a; echo 'FATAL: gone' >&2; exit 2", "Postgres ended the read: FATAL: gone", id="broken off"
        ),
        pytest.param("echo many,a", "does not fit its column's type: .*many", id="another type"),
        pytest.param(
            "PATH=/bin:/usr/bin; echo 1,a; echo \"2,$(head -c 3000000 /dev/zero | tr '\\0' x)\"",
            "a row is longer than 1 MiB as text.*shorten its value",
            id="long row",
        ),
    ],
)
def test_a_read_that_cannot_be_ended_says_why(psql, script: str, says: str) -> None:
    psql(script)
    with pytest.raises(ExtractionError, match=says):
        rows()
