"""The first task of a run: is everything there that the run needs?"""

from __future__ import annotations

from tieout.batch import Batch
from tieout.errors import StackError


def verify_infrastructure(batch: Batch) -> None:
    """Raise StackError, naming each part that is not ready and what to do, before anything of the batch is read."""
    from tieout.connections import app_db
    from tieout.controls.ops import ensure_ops_tables
    from tieout.local.health import verify_infrastructure as verify_parts

    verify_parts()
    with app_db(connect_timeout=5) as connection:
        if pending := pending_migrations(connection):
            raise StackError(
                f"the app database lacks {len(pending)} migrations, the first is {pending[0]}: run `tieout up`"
            )
    ensure_ops_tables()


def pending_migrations(connection) -> list[str]:
    """The names of the migration files that the app database has not applied, in order; changes nothing."""
    from tieout.migrations import read_migrations, unapplied
    from tieout.settings import get_settings

    files = read_migrations(get_settings().project_root / "postgres" / "migrations")
    known = connection.execute("select to_regclass('internal.migrations')").fetchone()[0]
    record = dict(connection.execute("select name, checksum from internal.migrations").fetchall()) if known else {}
    return [migration.name for migration in unapplied(files, record)]
