"""A migrated app database of a test's own, so that no test sees another's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
from psycopg import sql

from tieout.connections import postgres
from tieout.migrations import migrate

Connect = Callable[..., psycopg.Connection]


@contextmanager
def empty_database(name: str) -> Iterator[Connect]:
    """A database of this name on the test stack's server; what it yields opens connections to it."""
    identifier = sql.Identifier(name)
    with postgres("postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(identifier))
        admin.execute(sql.SQL("create database {}").format(identifier))
        try:
            yield partial(postgres, name)
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(identifier))


@contextmanager
def app_database(name: str) -> Iterator[Connect]:
    """The same with all migrations applied."""
    with empty_database(name) as connect:
        with connect() as conn:
            migrate(conn)
        yield connect
