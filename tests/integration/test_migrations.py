"""Migrations on a real server: once, in order, each whole or not at all, one runner at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from tests.app_database import Connect, empty_database

from tieout.migrations import MigrationError, migrate

pytestmark = pytest.mark.integration


@pytest.fixture
def connect(stack: None) -> Iterator[Connect]:
    with empty_database("test_migrations") as connect:
        yield connect


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text("create table first (i int); insert into first values (1);")
    (tmp_path / "0002_second.sql").write_text("create table second as select i + 1 as i from first;")
    return tmp_path


def test_files_are_applied_once_and_in_order(connect: Connect, folder: Path) -> None:
    with connect() as conn:
        assert migrate(conn, folder) == ["0001_first.sql", "0002_second.sql"]
        assert migrate(conn, folder) == []
        assert conn.execute("select i from second").fetchall() == [(2,)]
        assert not conn.autocommit


def test_a_file_that_fails_leaves_nothing_and_the_ones_before_it_stay(connect: Connect, folder: Path) -> None:
    (folder / "0003_third.sql").write_text("create table third (i int); select 1 / 0;")
    with connect() as conn:
        with pytest.raises(psycopg.errors.DivisionByZero):
            migrate(conn, folder)
    with connect() as conn:
        names = [name for (name,) in conn.execute("select name from internal.migrations order by name")]
        assert names == ["0001_first.sql", "0002_second.sql"]
        assert conn.execute("select to_regclass('third')").fetchone() == (None,)
        (folder / "0003_third.sql").write_text("create table third (i int);")
        conn.rollback()
        assert migrate(conn, folder) == ["0003_third.sql"]


def test_a_changed_file_is_refused(connect: Connect, folder: Path) -> None:
    with connect() as conn:
        migrate(conn, folder)
        (folder / "0001_first.sql").write_text("create table first (i bigint);")
        (folder / "0003_third.sql").write_text("create table third (i int);")
        with pytest.raises(MigrationError, match=r"0001_first\.sql was changed"):
            migrate(conn, folder)
        assert conn.execute("select to_regclass('third')").fetchone() == (None,)


def test_concurrent_calls_wait_for_each_other(connect: Connect, folder: Path) -> None:
    (folder / "0001_first.sql").write_text("create table first (i int); insert into first select 1 from pg_sleep(0.3);")

    def run(_: int) -> list[str]:
        with connect() as conn:
            return migrate(conn, folder)

    with ThreadPoolExecutor(4) as pool:
        applied = sorted(pool.map(run, range(4)))
    assert applied == [[], [], [], ["0001_first.sql", "0002_second.sql"]]
