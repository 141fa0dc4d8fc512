"""Where a generated company goes: a database, a bucket and a folder for the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tieout.errors import StackError


@dataclass(frozen=True)
class Target:
    """connect: opens a connection to the migrated database. s3: a boto3 client. truth: folder of the truth's files."""

    connect: Callable[..., psycopg.Connection]
    s3: Any
    bucket: str
    truth: Path

    @classmethod
    def of_settings(cls) -> Target:
        """The app database and the landing bucket of the stack."""
        from tieout.connections import LANDING_BUCKET, s3_client
        from tieout.settings import get_settings

        return cls(_app_db, s3_client(), LANDING_BUCKET, get_settings().home / "truth")


def _app_db(**options: Any) -> psycopg.Connection:
    from tieout.connections import app_db
    from tieout.settings import get_settings

    try:
        return app_db(**options)
    except psycopg.OperationalError as error:
        s = get_settings()
        raise StackError(
            f"no app database at {s.postgres_host}:{s.postgres_port}: start the stack with `tieout up` ({error})"
        ) from error
