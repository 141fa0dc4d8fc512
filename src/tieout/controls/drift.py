"""Which rows differ between a source table and Silver, found at the cost of two scans plus the rows that differ.

Both sides count and checksum their rows per bucket of the key's hash. Buckets that agree are done with; of those that
differ, only keys and row hashes are read, and keys whose hash differs are the drift.

The source is read live, in one transaction, not as the run's snapshot saw it: that snapshot is gone when tie-out runs.
A row that was changed at the source since then is therefore listed too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tieout import connections
from tieout.controls.checksum import POSTGRES, SILVER, Engine
from tieout.controls.literals import identifier
from tieout.sources import TableSpec

if TYPE_CHECKING:
    import psycopg

MISSING_IN_LAKE, MISSING_IN_SOURCE, DIFFERENT = "missing_in_lake", "missing_in_source", "different"

# Rows of differing buckets that are held in memory at once, a side.
_ROWS_AT_ONCE = 200_000

Key = tuple[str | None, ...]


@dataclass(frozen=True)
class DifferingRow:
    """key: the text of each key column, in the order of the table's key."""

    key: Key
    kind: str


def differing_rows(connection: psycopg.Connection, table: TableSpec) -> Iterator[DifferingRow]:
    """Every row that differs, lazily: stop early and the rest is not read.

    connection: to the source database, outside a transaction; its rows are read in one that only reads.
    """
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read read only")
        source = _Side(POSTGRES, table, _source_relation(table), lambda sql: connection.execute(sql).fetchall())
        silver = _Side(SILVER, table, f"{table.silver} where not is_deleted", connections.query)
        for buckets in _differing_buckets(source.buckets(), silver.buckets()):
            yield from _compare(source.hashes(buckets), silver.hashes(buckets))


class _Side:
    """One engine's view of the table. relation: what stands behind FROM, with a WHERE."""

    def __init__(self, engine: Engine, table: TableSpec, relation: str, run) -> None:
        self._engine, self._table, self._relation, self._run = engine, table, relation, run

    def buckets(self) -> dict[int, tuple[int, int]]:
        """{bucket: (rows, checksum)}"""
        rows = self._run(
            f"select {self._engine.key_bucket(self._table)}, count(*), {self._engine.checksum(self._table)} "
            f"from {self._relation} group by 1"
        )
        return {bucket: (count, int(checksum)) for bucket, count, checksum in rows}

    def hashes(self, buckets: Sequence[int]) -> dict[Key, tuple[int, ...]]:
        """{key: hashes of its rows} of these buckets; a sound table has one row a key."""
        keys = ", ".join(self._engine.key_values(self._table))
        wanted = ", ".join(map(str, buckets))
        rows = self._run(
            f"select {self._engine.row_hash(self._table)}, {keys} from {self._relation} "
            f"and {self._engine.key_bucket(self._table)} in ({wanted})"
        )
        found: dict[Key, tuple[int, ...]] = {}
        for hash_, *key in rows:
            found[tuple(key)] = tuple(sorted((*found.get(tuple(key), ()), hash_)))
        return found


def _source_relation(table: TableSpec) -> str:
    return f"{identifier(table.schema)}.{identifier(table.name)} where true"


def _differing_buckets(source: dict[int, tuple[int, int]], silver: dict[int, tuple[int, int]]) -> Iterator[list[int]]:
    """Buckets to compare row by row, in groups of a bounded number of rows (or one bucket, if it alone is larger)."""
    group: list[int] = []
    size = 0
    for bucket in sorted(source.keys() | silver.keys()):
        left, right = source.get(bucket, (0, 0)), silver.get(bucket, (0, 0))
        if left == right:
            continue
        rows = max(left[0], right[0])
        if group and size + rows > _ROWS_AT_ONCE:
            yield group
            group, size = [], 0
        group.append(bucket)
        size += rows
    if group:
        yield group


def _compare(source: dict[Key, tuple[int, ...]], silver: dict[Key, tuple[int, ...]]) -> Iterator[DifferingRow]:
    for key in sorted(source.keys() | silver.keys(), key=lambda key: tuple(value or "" for value in key)):
        if key not in silver:
            yield DifferingRow(key, MISSING_IN_LAKE)
        elif key not in source:
            yield DifferingRow(key, MISSING_IN_SOURCE)
        elif source[key] != silver[key]:
            yield DifferingRow(key, DIFFERENT)
