"""Which rows differ between two layers of a table, found at the cost of a scan of both plus the rows that differ.

Source and Silver, on two engines: both count and checksum their rows per bucket of the key's hash, of which there are
so many that a bucket holds some thirty rows. Buckets that agree are done with; of those that differ, only keys and row
hashes are read, and keys whose hash differs are the drift. Bronze and Silver, of what came in files, are both in the
lake: one join of their keys and row hashes gives the drift alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tieout import connections
from tieout.controls.checksum import BRONZE, HASH, POSTGRES, SILVER, Engine, key_columns
from tieout.controls.layers import newest_versions
from tieout.controls.literals import identifier
from tieout.controls.totals import held_in_silver
from tieout.sources import TableSpec

if TYPE_CHECKING:
    import psycopg

MISSING_IN_LAKE, MISSING_IN_SOURCE, DIFFERENT = "missing_in_lake", "missing_in_source", "different"

# Rows of differing buckets that are held in memory at once, a side, and buckets that one statement names.
_ROWS_AT_ONCE = 200_000
_BUCKETS_AT_ONCE = 4_000
_ROWS_PER_BUCKET = 128
_FEWEST_BITS, _MOST_BITS = 12, 18

Key = tuple[str | None, ...]


@dataclass(frozen=True)
class DifferingRow:
    """key: the text of each key column, in the order of the table's key."""

    key: Key
    kind: str


def differing_rows(connection: psycopg.Connection, table: TableSpec, rows: int = 0) -> Iterator[DifferingRow]:
    """Every row that differs between the source and Silver, lazily: stop early and the rest is not read.

    connection: to the source database; give one whose transaction keeps a snapshot. rows: about how many the table
    has, which decides how finely its keys are told apart.
    """
    bits = bucket_bits(rows)
    relation = f"{identifier(table.schema)}.{identifier(table.name)}"
    source = _Side(POSTGRES, table, relation, "true", bits, lambda sql: _in_source(connection, sql))
    silver = _Side(SILVER, table, table.silver, held_in_silver(table), bits, connections.query)
    with ThreadPoolExecutor(1) as pool:
        in_silver = pool.submit(silver.buckets)
        for buckets in _differing_buckets(source.buckets(), in_silver.result()):
            hashes = pool.submit(silver.hashes, buckets)
            yield from _compare(source.hashes(buckets), hashes.result())


def differing_deliveries(table: TableSpec, limit: int) -> list[DifferingRow]:
    """Up to `limit` rows that differ between the newest delivered versions in Bronze and Silver."""

    def keys(engine: Engine, hashed: str) -> str:
        values = ", ".join(f"{value} as k{number}" for number, value in enumerate(engine.key_values(table)))
        return (
            f"select {engine.key_text(table)} as key, count(*) as copies, {engine.total(HASH)} as hashes, "
            f"{', '.join(f'min({n}) as {n}' for n in names)} from (select *, {values} from {hashed}) group by 1"
        )

    names = [f"k{number}" for number in range(len(key_columns(table)))]
    shown = ", ".join(f"coalesce(came.{name}, held.{name})" for name in names)
    came = keys(BRONZE, BRONZE.hashed(table, f"({newest_versions(table)})"))
    held = keys(SILVER, SILVER.hashed(table, table.silver, held_in_silver(table)))
    rows = connections.query(
        f"select came.key is null, held.key is null, {shown} "
        f"from ({came}) as came full outer join ({held}) as held on came.key = held.key "
        "where came.key is null or held.key is null or came.hashes <> held.hashes or came.copies <> held.copies "
        f"order by coalesce(came.key, held.key) limit {limit}"
    )
    return [
        DifferingRow(tuple(key), MISSING_IN_SOURCE if not_came else MISSING_IN_LAKE if not_held else DIFFERENT)
        for not_came, not_held, *key in rows
    ]


def bucket_bits(rows: int) -> int:
    """Bits of the key's hash that tell so many rows apart into buckets of some hundred."""
    return min(_MOST_BITS, max(_FEWEST_BITS, (rows // _ROWS_PER_BUCKET).bit_length()))


class _Side:
    """One engine's view of the table: the rows of `relation` that `where` holds for."""

    def __init__(self, engine: Engine, table: TableSpec, relation: str, where: str, bits: int, run) -> None:
        self._engine, self._table, self._relation, self._where, self._run = engine, table, relation, where, run
        self._bucket = engine.key_bucket(table, bits)

    def buckets(self) -> dict[int, tuple[int, int]]:
        """{bucket: (rows, checksum)}"""
        hashed = self._engine.hashed(self._table, self._relation, self._where)
        rows = self._run(f"select {self._bucket}, count(*), {self._engine.total(HASH)} from {hashed} group by 1")
        return {bucket: (count, int(checksum)) for bucket, count, checksum in rows}

    def hashes(self, buckets: Sequence[int]) -> dict[Key, tuple[int, ...]]:
        """{key: hashes of its rows} of these buckets; a sound table has one row a key."""
        keys = ", ".join(self._engine.key_values(self._table))
        wanted = f"{self._where} and {self._bucket} in ({', '.join(map(str, buckets))})"
        rows = self._run(f"select {HASH}, {keys} from {self._engine.hashed(self._table, self._relation, wanted)}")
        found: dict[Key, tuple[int, ...]] = {}
        for hash_, *key in rows:
            found[tuple(key)] = tuple(sorted((*found.get(tuple(key), ()), hash_)))
        return found


def _in_source(connection: psycopg.Connection, sql: str) -> list[tuple]:
    """The statement's rows. Postgres takes every row for a bucket of its own, and would sort them all, on disk."""
    with connection.transaction():
        connection.execute("set local enable_sort = off")
        rows = connection.execute(sql).fetchall()
        connection.execute("set local enable_sort = default")
        return rows


def _differing_buckets(source: dict[int, tuple[int, int]], silver: dict[int, tuple[int, int]]) -> Iterator[list[int]]:
    """Buckets to compare row by row, in groups of a bounded number of buckets and, unless one has more, of rows."""
    group: list[int] = []
    size = 0
    for bucket in sorted(source.keys() | silver.keys()):
        left, right = source.get(bucket, (0, 0)), silver.get(bucket, (0, 0))
        if left == right:
            continue
        rows = max(left[0], right[0])
        if group and (size + rows > _ROWS_AT_ONCE or len(group) == _BUCKETS_AT_ONCE):
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
