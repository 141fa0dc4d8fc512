"""The pipeline's first question: is everything there that a run needs? Asked through the same connections that the
run uses, so that it holds for any stack, embedded or not."""

from __future__ import annotations

from collections.abc import Callable

from tieout.connections import CATALOG, LAKE_BUCKET, LANDING_BUCKET, app_db, iceberg_catalog, query, s3_client
from tieout.errors import StackError
from tieout.local.bootstrap import SCHEMAS
from tieout.settings import get_settings


def verify_infrastructure() -> None:
    """Raise StackError, naming each part that does not answer, where it was looked for and what it said."""
    settings = get_settings()
    checks: dict[str, Callable[[], None]] = {
        f"Postgres at {settings.postgres_host}:{settings.postgres_port}": _postgres,
        f"S3 store at {settings.s3_endpoint}": _s3,
        f"Iceberg catalog at {settings.postgres_host}:{settings.postgres_port}": _catalog,
        f"Trino at {settings.trino_url}": _trino,
    }
    problems = []
    for name, check in checks.items():
        try:
            check()
        except Exception as error:  # whatever a client raises, the run cannot go on
            problems.append(
                f"{name}: {str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}"
            )
    if problems:
        raise StackError(f"not ready: {'; '.join(problems)}. `tieout status` shows each part, `tieout up` starts it")


def _postgres() -> None:
    with app_db(connect_timeout=5) as connection:
        connection.execute("select 1")


def _s3() -> None:
    client = s3_client()
    for bucket in (LAKE_BUCKET, LANDING_BUCKET):
        client.head_bucket(Bucket=bucket)


def _catalog() -> None:
    missing = set(SCHEMAS) - {".".join(namespace) for namespace in iceberg_catalog().list_namespaces()}
    if missing:
        raise StackError(f"schemas {', '.join(sorted(missing))} are missing")


def _trino() -> None:
    present = {row[0] for row in query(f"select schema_name from {CATALOG}.information_schema.schemata")}
    if missing := set(SCHEMAS) - present:
        raise StackError(f"schemas {', '.join(sorted(missing))} are missing")
