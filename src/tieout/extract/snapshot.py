"""One snapshot of the app database for many connections: what they read agrees to the row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tieout import connections

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class Snapshot:
    """An exported snapshot: its name for other connections, and when it was taken (UTC, the database's clock)."""

    name: str
    taken_at: datetime


@contextmanager
def exported_snapshot() -> Iterator[tuple[psycopg.Connection, Snapshot]]:
    """A read-only transaction whose snapshot other connections can share while the block lasts."""
    connection = connections.app_db()
    try:
        connection.execute("begin isolation level repeatable read read only")
        name, taken_at = connection.execute("select pg_export_snapshot(), clock_timestamp()").fetchone()
        yield connection, Snapshot(name, taken_at)
    finally:
        connection.close()


@contextmanager
def reading_in(snapshot: Snapshot) -> Iterator[psycopg.Connection]:
    """Another connection that reads in an exported snapshot."""
    with connections.app_db() as connection:
        connection.execute("begin isolation level repeatable read read only")
        connection.execute(f"set transaction snapshot '{snapshot.name}'")
        yield connection
