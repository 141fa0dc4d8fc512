"""The weekly upkeep of every lake table: small files are merged, old snapshots expire, orphaned files go.

Every run adds files and snapshots; without this, reading slows and storage grows for ever. What was published stays:
Trino's expire_snapshots keeps tagged snapshots, and the views of lake.gold pin tagged ones. Files and snapshots
younger than the retention are never touched, so a run that is under way loses nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tieout import connections
from tieout.controls.literals import identifier
from tieout.publish import GOLD, STAGED

log = logging.getLogger(__name__)

SCHEMAS = ("bronze", "silver", "gold_candidate", "ops", "scratch")
# Trino's own minimum; a shorter one could take files from a query that is still running.
RETENTION_DAYS = 7


@dataclass(frozen=True)
class Upkeep:
    """One table's upkeep: data files and snapshots before and after. failure: why it was left, None if it was done.

    After a failure the numbers are those of before; of a table that had gone by then, zero.
    """

    table: str
    files_before: int
    files_after: int
    snapshots_before: int
    snapshots_after: int
    failure: str | None = None


def maintain(retention_days: int = RETENTION_DAYS) -> list[Upkeep]:
    """Look after every table of the lake, one after the other; returns a row per table.

    A table that another writer changes or drops meanwhile is left for the next time, with the reason in its row.
    Raises what Trino raises when it cannot be reached.
    """
    upkeep = [_maintain_table(table, retention_days) for table in _tables()]
    removed = _remove_view_leftovers(retention_days)
    log.info("looked after %d tables, removed %d files of views long replaced", len(upkeep), removed)
    return upkeep


def _tables() -> list[str]:
    schemas = ", ".join(f"'{schema}'" for schema in SCHEMAS)
    rows = connections.query(
        "select table_schema, table_name from lake.information_schema.tables "
        f"where table_schema in ({schemas}) and table_type = 'BASE TABLE' order by 1, 2"
    )
    return [f"lake.{schema}.{table}" for schema, table in rows]


def _maintain_table(table: str, retention_days: int) -> Upkeep:
    from trino.exceptions import TrinoQueryError

    files, snapshots, files_after, snapshots_after = 0, 0, 0, 0
    failure = None
    try:
        files, snapshots = files_after, snapshots_after = _count(table)
        for step in (
            "optimize",
            f"expire_snapshots(retention_threshold => '{retention_days}d')",
            f"remove_orphan_files(retention_threshold => '{retention_days}d')",
        ):
            _execute(f"alter table {table} execute {step}", retention_days)
        files_after, snapshots_after = _count(table)
    except TrinoQueryError as error:
        failure = f"{error.error_name}: {error.message}"
        log.warning("%s was left as it is: %s", table, failure)
    return Upkeep(table, files, files_after, snapshots, snapshots_after, failure)


def _count(table: str) -> tuple[int, int]:
    """(data files, snapshots)"""
    schema, name = table.split(".")[1:]
    files, snapshots = (f"lake.{schema}.{identifier(f'{name}${part}')}" for part in ("files", "snapshots"))
    [counts] = connections.query(f"select (select count(*) from {files}), (select count(*) from {snapshots})")
    return counts


def _execute(statement: str, retention_days: int) -> None:
    """Run it in a session whose minimum retention is the asked one: the catalog's own is seven days."""
    connection = connections.trino_connection()
    try:
        cursor = connection.cursor()
        for procedure in ("expire_snapshots", "remove_orphan_files"):
            cursor.execute(f"set session lake.{procedure}_min_retention = '{retention_days}d'")
            cursor.fetchall()
        cursor.execute(statement)
        cursor.fetchall()
    finally:
        connection.close()


def _remove_view_leftovers(retention_days: int) -> int:
    """Delete the metadata of views that publication has replaced: the catalog forgets a view, its files stay."""
    with connections.postgres("iceberg") as connection:
        named = {
            location for (location,) in connection.execute("select metadata_location from iceberg_tables").fetchall()
        }
    s3 = connections.s3_client()
    before = datetime.now(UTC) - timedelta(days=retention_days)
    removed = 0
    for schema in (STAGED, GOLD):
        prefix = f"{connections.WAREHOUSE}/{schema}/".removeprefix(f"s3://{connections.LAKE_BUCKET}/")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=connections.LAKE_BUCKET, Prefix=prefix):
            for item in page.get("Contents", ()):
                if item["LastModified"] < before and f"s3://{connections.LAKE_BUCKET}/{item['Key']}" not in named:
                    s3.delete_object(Bucket=connections.LAKE_BUCKET, Key=item["Key"])
                    removed += 1
    return removed
