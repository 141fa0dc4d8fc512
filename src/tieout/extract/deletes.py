"""Hard deletes: which keys the lake holds that the source no longer has.

Where only a window of a table was read, the keys outside it are first counted, each side by itself, in the run's
snapshot. On most days there are as many, and no row has gone. Otherwise, and where a table is read whole, the source's
keys are read into a scratch table; Trino takes them away from the keys that the lake knows, and only what is left comes
back here.

The numbers agree as well when a row has gone and one outside the window has come that no extraction reads (committed
late, or behind the trigger's back). That is drift, and the tie-out finds and mends both.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from tieout import connections
from tieout.batch import Batch
from tieout.bronze.schema import NAMESPACE, SCRATCH, source_schema
from tieout.bronze.writer import UPSERT, ParquetStream, replace_files
from tieout.extract.copy import copy
from tieout.sources import TableSpec

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

CHUNK_ROWS = 50_000


def deleted_keys(
    table: TableSpec, batch: Batch, snapshot: str, since: datetime | None = None
) -> Iterator[pa.RecordBatch]:
    """Record batches of the key columns of rows that are gone from the source as the snapshot sees it.

    since: start of the window that was read, None when the table was read whole.
    A rerun of a batch finds again what the batch itself had found, since the batch is about to be replaced.
    """
    catalog = connections.iceberg_catalog()
    in_silver = catalog.table_exists(tuple(table.silver.split(".")[1:]))
    if not in_silver and catalog.load_table((NAMESPACE, table.identifier)).current_snapshot() is None:
        return  # the lake knows no key yet
    if since and in_silver:
        window = f"\"{table.cursor}\" >= '{since.isoformat()}'"
        in_window = _upload_keys(catalog, table, snapshot, f" where {window}")
        if _keys_of_source(table, snapshot, window) == _keys_of_silver(table, batch, in_window):
            return
    scratch = _upload_keys(catalog, table, snapshot)
    described = source_schema(table)
    schema = pa.schema([described.field(name) for name in table.key])
    connection = connections.trino_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(_gone(table, batch, scratch, in_silver))
        while rows := cursor.fetchmany(CHUNK_ROWS):
            columns = [
                pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
    finally:
        connection.close()


def _keys_of_source(table: TableSpec, snapshot: str, window: str) -> tuple[int, int]:
    """Number of the source's keys outside the window. The 0 stands beside that of `_keys_of_silver`."""
    relation = f'"{table.schema}"."{table.name}"'
    with connections.app_db() as connection:
        connection.execute("begin isolation level repeatable read read only")
        connection.execute(f"set transaction snapshot '{snapshot}'")
        # Two counts, because each is read from an index alone; none serves what is not in the window.
        return connection.execute(
            f"select (select count(*) from {relation}) - (select count(*) from {relation} where {window}), 0"
        ).fetchone()


def _keys_of_silver(table: TableSpec, batch: Batch, in_window: str) -> tuple[int, int]:
    """The same of Silver's, and how many rows of Bronze it has not merged yet: with any, Silver is not all there is."""
    same = " and ".join(f's."{table.column(name).silver}" = w."{name}"' for name in table.key)
    living = f"select count(*) from {table.silver} s"
    ((rows, waiting),) = connections.query(
        # Joined and not excluded: the window's keys then tell which files need not be read.
        f"select ({living} where {_living(batch)}) - ({living} join {in_window} w on {same} where {_living(batch)}), "
        f"(select count(*) from {table.bronze} where {_unmerged(table)})"
    )
    return rows, waiting


def _upload_keys(catalog: Catalog, table: TableSpec, snapshot: str, where: str = "") -> str:
    """The source's keys as an Iceberg table of their own, replaced whole; returns its name."""
    from pyiceberg.exceptions import NoSuchTableError
    from pyiceberg.expressions import AlwaysTrue

    described = source_schema(table)
    schema = pa.schema([described.field(name) for name in table.key])
    name = f"keys_{table.identifier}"
    try:
        keys = catalog.load_table((SCRATCH, name))
    except NoSuchTableError:
        keys = catalog.create_table((SCRATCH, name), schema=schema)
    listed = ", ".join(f'"{column}"' for column in table.key)
    with ParquetStream(f"{keys.location()}/data", schema) as stream:
        for rows in copy(f'select {listed} from "{table.schema}"."{table.name}"{where}', schema, snapshot):
            stream.write(rows)
    replace_files(keys, AlwaysTrue(), stream.written.files)
    return f"lake.{SCRATCH}.{name}"


def _gone(table: TableSpec, batch: Batch, scratch: str, in_silver: bool) -> str:
    # Looked up and not subtracted as sets: `except` would group all keys of both sides.
    same = " and ".join(f'k."{name}" = s."{name}"' for name in table.key)
    return (
        f"select distinct {_key(table)} from ({_known(table, batch, in_silver)}) k "
        f"where not exists (select 1 from {scratch} s where {same})"
    )


def _known(table: TableSpec, batch: Batch, in_silver: bool) -> str:
    """The keys that the lake takes for living; some of them twice."""
    key = _key(table)
    bronze = f"select {key} from {table.bronze} where _op = '{UPSERT}'"
    if not in_silver:
        return bronze
    # With batches that Silver has not merged yet.
    silver_key = ", ".join(f'"{table.column(name).silver}" as "{name}"' for name in table.key)
    return f"select {silver_key} from {table.silver} where {_living(batch)} union all {bronze} and {_unmerged(table)}"


def _living(batch: Batch) -> str:
    """Silver's living rows, and those that this batch had marked before."""
    return f"(is_deleted = false or _batch = date '{batch}')"


def _unmerged(table: TableSpec) -> str:
    return f"_extracted_at > (select coalesce(max(_extracted_at), timestamp '1970-01-01 UTC') from {table.silver})"


def _key(table: TableSpec) -> str:
    return ", ".join(f'"{name}"' for name in table.key)
