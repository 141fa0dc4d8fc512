"""Hard deletes: which keys the lake holds that the source no longer has.

Where only a window of a table was read, the keys outside it are first counted, each side by itself, in the run's
snapshot. On most days there are as many, and no row has gone. Otherwise they are counted by their first characters,
which in a key that begins with its time, such as a UUIDv7, is by weeks. The source's keys of those that differ, and all
keys of a table that is read whole, are read into a scratch table; Trino takes them away from the keys that the lake
knows, and only what is left comes back here.

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
from tieout.controls.checksum import BRONZE, POSTGRES, SILVER, Engine
from tieout.controls.literals import literal
from tieout.extract.copy import copy
from tieout.extract.snapshot import Snapshot, reading_in
from tieout.sources import TableSpec

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

CHUNK_ROWS = 50_000
# The first four digits of a UUIDv7 are 50 days.
_LEADING = 4
# Keys of which so many begin differently are compared all.
_MOST_BEGINNINGS = 10_000


def deleted_keys(
    table: TableSpec, batch: Batch, snapshot: Snapshot, since: datetime | None = None
) -> Iterator[pa.RecordBatch]:
    """Record batches of the key columns of rows that are gone from the source as the snapshot sees it.

    since: start of the window that was read, None when the table was read whole.
    A rerun of a batch finds again what the batch itself had found, since the batch is about to be replaced.
    """
    catalog = connections.iceberg_catalog()
    in_silver = catalog.table_exists(tuple(table.silver.split(".")[1:]))
    if not in_silver and catalog.load_table((NAMESPACE, table.identifier)).current_snapshot() is None:
        return  # the lake knows no key yet
    beginnings = None
    if since and in_silver:
        window = f"\"{table.cursor}\" >= '{since.isoformat()}'"
        in_window = _upload_keys(catalog, table, snapshot, window)
        silver, waiting = _keys_of_silver(table, batch, in_window)
        if not waiting:
            if _keys_of_source(table, snapshot, window) == silver:
                return
            beginnings = _beginnings_that_differ(table, batch, snapshot, window, in_window)
    scratch = _upload_keys(catalog, table, snapshot, _begins(POSTGRES, table, beginnings))
    described = source_schema(table)
    schema = pa.schema([described.field(name) for name in table.key])
    connection = connections.trino_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(_gone(table, batch, scratch, in_silver, beginnings))
        while rows := cursor.fetchmany(CHUNK_ROWS):
            columns = [
                pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
    finally:
        connection.close()


def _keys_of_source(table: TableSpec, snapshot: Snapshot, window: str) -> int:
    """Number of the source's keys outside the window."""
    relation = f'"{table.schema}"."{table.name}"'
    # Two counts, because each is read from an index alone; none serves what is not in the window.
    ((rows,),) = _ask_source(
        snapshot, f"select (select count(*) from {relation}) - (select count(*) from {relation} where {window})"
    )
    return rows


def _keys_of_silver(table: TableSpec, batch: Batch, in_window: str) -> tuple[int, int]:
    """The same of Silver's, and how many rows of Bronze it has not merged yet: with any, Silver is not all there is."""
    living = f"select count(*) from {table.silver} s"
    ((rows, waiting),) = connections.query(
        # Joined and not excluded: the window's keys then tell which files need not be read.
        f"select ({living} where {_living(batch)}) - ({living} {_joined(table, in_window)} where {_living(batch)}), "
        f"(select count(*) from {table.bronze} where {_unmerged(table)})"
    )
    return rows, waiting


def _beginnings_that_differ(
    table: TableSpec, batch: Batch, snapshot: Snapshot, window: str, in_window: str
) -> list[str] | None:
    """The first characters of keys of which the two sides have different numbers outside the window.

    None where keys begin in too many ways to single some out.
    """
    relation = f'"{table.schema}"."{table.name}"'
    of_source, of_silver = _beginning(POSTGRES, table), _beginning(SILVER, table)
    limit = f"limit {_MOST_BEGINNINGS + 1}"
    source = dict(
        _ask_source(
            snapshot,
            f"select beginning, sum(rows) from (select {of_source} as beginning, count(*) as rows from {relation} "
            f"group by 1 union all select {of_source}, -count(*) from {relation} where {window} group by 1) as counted "
            f"group by beginning {limit}",
        )
    )
    living = f"select s.* from {table.silver} s"
    silver = dict(
        connections.query(
            f"select beginning, sum(rows) from (select {of_silver} as beginning, count(*) as rows "
            f"from ({living} where {_living(batch)}) group by 1 union all select {of_silver}, -count(*) "
            f"from ({living} {_joined(table, in_window)} where {_living(batch)}) group by 1) "
            f"group by beginning {limit}"
        )
    )
    if max(len(source), len(silver)) > _MOST_BEGINNINGS:
        return None
    return sorted(key for key in source.keys() | silver.keys() if source.get(key, 0) != silver.get(key, 0))


def _ask_source(snapshot: Snapshot, question: str) -> list[tuple]:
    with reading_in(snapshot) as connection:
        return connection.execute(question).fetchall()


def _joined(table: TableSpec, in_window: str) -> str:
    same = " and ".join(f's."{table.column(name).silver}" = w."{name}"' for name in table.key)
    return f"join {in_window} w on {same}"


def _beginning(engine: Engine, table: TableSpec) -> str:
    return f"substr({engine.key_values(table)[0]}, 1, {_LEADING})"


def _begins(engine: Engine, table: TableSpec, beginnings: list[str] | None) -> str:
    """The condition that a key begins as one of these; without, every key does."""
    if beginnings is None:
        return "true"
    return f"{_beginning(engine, table)} in ({', '.join(map(literal, beginnings))})"


def _upload_keys(catalog: Catalog, table: TableSpec, snapshot: Snapshot, where: str) -> str:
    """The source's keys for which `where` holds, as an Iceberg table of their own, replaced whole; returns its name."""
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
        for rows in copy(f'select {listed} from "{table.schema}"."{table.name}" where {where}', schema, snapshot.name):
            stream.write(rows)
    replace_files(keys, AlwaysTrue(), stream.written.files)
    return f"lake.{SCRATCH}.{name}"


def _gone(table: TableSpec, batch: Batch, scratch: str, in_silver: bool, beginnings: list[str] | None) -> str:
    # Looked up and not subtracted as sets: `except` would group all keys of both sides.
    same = " and ".join(f'k."{name}" = s."{name}"' for name in table.key)
    return (
        f"select distinct {_key(table)} from ({_known(table, batch, in_silver, beginnings)}) k "
        f"where not exists (select 1 from {scratch} s where {same})"
    )


def _known(table: TableSpec, batch: Batch, in_silver: bool, beginnings: list[str] | None) -> str:
    """The keys that the lake takes for living and that begin as one of these; some of them twice."""
    bronze = f"select {_key(table)} from {table.bronze} where _op = '{UPSERT}'"
    if not in_silver:
        return bronze
    # With batches that Silver has not merged yet.
    silver_key = ", ".join(f'"{table.column(name).silver}" as "{name}"' for name in table.key)
    return (
        f"select {silver_key} from {table.silver} where {_living(batch)} and {_begins(SILVER, table, beginnings)} "
        f"union all {bronze} and {_unmerged(table)} and {_begins(BRONZE, table, beginnings)}"
    )


def _living(batch: Batch) -> str:
    """Silver's living rows, and those that this batch had marked before."""
    return f"(is_deleted = false or _batch = date '{batch}')"


def _unmerged(table: TableSpec) -> str:
    return f"_extracted_at > (select coalesce(max(_extracted_at), timestamp '1970-01-01 UTC') from {table.silver})"


def _key(table: TableSpec) -> str:
    return ", ".join(f'"{name}"' for name in table.key)
