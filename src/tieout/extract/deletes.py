"""Hard deletes: which keys the lake holds that the source no longer has.

The source's keys alone are read in the run's snapshot into a scratch table; Trino takes them away from the keys that
the lake knows, and only what is left comes back here.
"""

from __future__ import annotations

from collections.abc import Iterator
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


def deleted_keys(table: TableSpec, batch: Batch, snapshot: str) -> Iterator[pa.RecordBatch]:
    """Record batches of the key columns of rows that are gone from the source as the snapshot sees it.

    A rerun of a batch finds again what the batch itself had found, since the batch is about to be replaced.
    """
    catalog = connections.iceberg_catalog()
    in_silver = catalog.table_exists(tuple(table.silver.split(".")[1:]))
    if not in_silver and catalog.load_table((NAMESPACE, table.identifier)).current_snapshot() is None:
        return  # the lake knows no key yet
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


def _upload_keys(catalog: Catalog, table: TableSpec, snapshot: str) -> str:
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
        for rows in copy(f'select {listed} from "{table.schema}"."{table.name}"', schema, snapshot):
            stream.write(rows)
    replace_files(keys, AlwaysTrue(), stream.written.files)
    return f"lake.{SCRATCH}.{name}"


def _gone(table: TableSpec, batch: Batch, scratch: str, in_silver: bool) -> str:
    key = ", ".join(f'"{name}"' for name in table.key)
    day = f"date '{batch}'"
    bronze = f"select {key} from {table.bronze} where _op = '{UPSERT}'"
    if in_silver:
        # Silver's living rows, those this batch had marked before, and batches that Silver has not merged yet.
        silver_key = ", ".join(f'"{table.column(name).silver}" as "{name}"' for name in table.key)
        known = (
            f"select {silver_key} from {table.silver} where not is_deleted or _batch = {day}"
            f" union {bronze} and _extracted_at > (select coalesce(max(_extracted_at), timestamp '1970-01-01 UTC')"
            f" from {table.silver})"
        )
    else:
        known = bronze
    return f"select {key} from (({known}) except (select {key} from {scratch}))"
