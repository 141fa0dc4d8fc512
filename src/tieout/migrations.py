"""The app database's schema: the numbered files of ``postgres/migrations``, applied once and in order.

Each file runs in a transaction of its own, together with the row in ``internal.migrations`` that records it. What has
been applied is history: a file that was changed, removed or slipped in between afterwards is refused, because no
database that already ran the old files would ever become what the files say.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tieout.errors import TieoutError
from tieout.settings import get_settings

if TYPE_CHECKING:
    import psycopg

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_TRANSACTION_CONTROL = re.compile(r"^\s*(begin|start\s+transaction|commit|rollback)\s*;", re.I | re.M)
# Any number will do, as long as nothing else in this database uses it.
_LOCK = 7_263_541_001
_RECORD = """
create schema if not exists internal;
create table if not exists internal.migrations (
  name text primary key,
  checksum text not null,
  applied_at timestamptz not null default clock_timestamp()
)
"""


class MigrationError(TieoutError):
    """The migration files and the database's record of them do not go together; nothing was applied."""


@dataclass(frozen=True)
class Migration:
    """One file: its name, which orders it, its SQL and the SHA-256 of that SQL."""

    name: str
    sql: str
    checksum: str


def migrate(conn: psycopg.Connection | None = None, directory: Path | None = None) -> list[str]:
    """Bring the app database up to the newest file; return the names of the files applied now, in order.

    ``conn`` must be outside a transaction; without it a connection to the app database is made. Concurrent calls wait
    for each other. Raises MigrationError before anything is applied when the files are not a continuation of what
    has been applied, and psycopg.Error when a file's SQL fails; the files before that one stay applied.
    """
    if conn is None:
        from tieout.connections import app_db

        with app_db() as own:
            return migrate(own, directory)
    files = read_migrations(directory or get_settings().project_root / "postgres" / "migrations")
    with _alone(conn):
        conn.execute(_RECORD)
        record = dict(conn.execute("select name, checksum from internal.migrations").fetchall())
        pending = unapplied(files, record)
        for migration in pending:
            with conn.transaction():
                conn.execute(migration.sql)
                conn.execute(
                    "insert into internal.migrations (name, checksum) values (%s, %s)",
                    (migration.name, migration.checksum),
                )
    return [migration.name for migration in pending]


def read_migrations(directory: Path) -> list[Migration]:
    """The files of ``directory`` in their order: 0001_…, 0002_… and so on without a gap."""
    migrations = []
    for number, path in enumerate(sorted(directory.glob("*.sql")), start=1):
        match = _NAME.fullmatch(path.name)
        if not match or int(match[1]) != number:
            raise MigrationError(
                f"{path}: expected a file named {number:04d}_<what_it_does>.sql here; "
                "number migrations from 0001 without a gap or a repetition, in lower case"
            )
        sql = path.read_text(encoding="utf-8").replace("\r\n", "\n")
        if _TRANSACTION_CONTROL.search(sql):
            raise MigrationError(
                f"{path} controls the transaction itself: remove begin and commit; every file is run in one"
            )
        migrations.append(Migration(path.name, sql, hashlib.sha256(sql.encode()).hexdigest()))
    if not migrations:
        raise MigrationError(f"{directory} holds no migration: is this the project's postgres/migrations?")
    return migrations


def unapplied(files: list[Migration], record: dict[str, str]) -> list[Migration]:
    """Those of ``files`` that ``record`` (name → checksum) lacks. Raises MigrationError unless they are its end."""
    by_name = {migration.name: migration for migration in files}
    for name, checksum in sorted(record.items()):
        if name not in by_name:
            raise MigrationError(
                f"the database has applied {name}, which is not among the files: "
                "bring the file back, or use the checkout that this database was made with"
            )
        if by_name[name].checksum != checksum:
            raise MigrationError(
                f"{name} was changed after it had been applied: restore it and write the change as a new migration"
            )
    pending = [migration for migration in files if migration.name not in record]
    newest = max(record, default="")
    if pending and pending[0].name < newest:
        raise MigrationError(
            f"{pending[0].name} comes before {newest}, which has been applied: give it a number after the last"
        )
    return pending


@contextmanager
def _alone(conn: psycopg.Connection) -> Iterator[None]:
    """Hold the migrations' lock in autocommit, so that each file's transaction is a real one and not a savepoint."""
    autocommit = conn.autocommit
    conn.autocommit = True
    try:
        conn.execute("select pg_advisory_lock(%s)", (_LOCK,))
        try:
            yield
        finally:
            if not conn.closed:
                conn.execute("select pg_advisory_unlock(%s)", (_LOCK,))
    finally:
        if not conn.closed:
            conn.autocommit = autocommit
