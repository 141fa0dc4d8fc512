"""Where a generated company goes: a database, a bucket and a folder for the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg


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
        from tieout.connections import LANDING_BUCKET, app_db, s3_client
        from tieout.settings import get_settings

        return cls(app_db, s3_client(), LANDING_BUCKET, get_settings().home / "truth")
