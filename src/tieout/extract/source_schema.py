"""The app database's tables as they are, held against config/sources, before anything is read.

A column that is missing, retyped or a bare numeric, or a key that is not the table's primary key, stops that table;
a column that is not described is carried along under its own name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from tieout.bronze.schema import arrow_type
from tieout.errors import SchemaError
from tieout.sources import SIMPLE_TYPES, ColumnSpec, Source, TableSpec, is_exact_decimal

if TYPE_CHECKING:
    import psycopg

# Postgres' own words for the types config/sources knows.
_NAMES = {"timestamp with time zone": "timestamptz", "timestamp without time zone": "timestamp", "jsonb": "json"}
_KNOWN = SIMPLE_TYPES - {"unix_time"}
# Types whose every value an integer column of the lake holds, or that are plain text.
_WIDER = {"smallint": "integer", "character varying": "text", "name": "text"}

_COLUMNS = """
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
from pg_attribute a
join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0 and not a.attisdropped
order by c.relname, a.attnum
"""
_KEYS = """
select c.relname, array_agg(a.attname::text order by k.position)
from pg_index i
join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace
cross join lateral unnest(i.indkey::smallint[]) with ordinality k (attnum, position)
join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
where n.nspname = %s and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
  and k.position <= i.indnkeyatts
group by c.relname, i.indexrelid
"""


@dataclass(frozen=True)
class SourceTable:
    """A table as found: its columns with Postgres' type names, in order, and the column sets that are unique."""

    columns: dict[str, str]
    unique_keys: frozenset[frozenset[str]]


def read_source_tables(connection: psycopg.Connection, source: Source) -> dict[str, SourceTable]:
    """Every table of the source's schema by name."""
    columns: dict[str, dict[str, str]] = {}
    for table, column, type_ in connection.execute(_COLUMNS, (source.schema,)):
        columns.setdefault(table, {})[column] = type_
    keys: dict[str, set[frozenset[str]]] = {}
    for table, key in connection.execute(_KEYS, (source.schema,)):
        keys.setdefault(table, set()).add(frozenset(key))
    return {name: SourceTable(found, frozenset(keys.get(name, ()))) for name, found in columns.items()}


def check(table: TableSpec, found: SourceTable | None) -> tuple[ColumnSpec, ...]:
    """The columns to carry that config/sources does not name. Raises SchemaError for anything that does not fit."""
    where = f"{table.source}.{table.schema}.{table.name}"
    remedy = f"change the table back, or config/sources/{table.source}.yml if the change is meant"
    if found is None:
        raise SchemaError(f"{where}: expected a table, found none: {remedy}")
    for column in table.columns:
        type_ = found.columns.get(column.name)
        if type_ is None:
            raise SchemaError(f"{where}: column {column.name}: expected {column.type}, found no such column: {remedy}")
        if type_ == "numeric":
            raise SchemaError(_bare_numeric(where, column.name, column.type))
        if _described(type_) != column.type:
            raise SchemaError(f"{where}: column {column.name}: expected {column.type}, found {type_}: {remedy}")
    if frozenset(table.key) not in found.unique_keys:
        raise SchemaError(
            f"{where}: key ({', '.join(table.key)}): expected a primary key or unique index on it, found "
            f"{_listed(found.unique_keys)}: without one a row cannot be told from another; add it to the table"
        )
    described = {column.name for column in table.columns}
    return tuple(_carry(where, name, type_) for name, type_ in found.columns.items() if name not in described)


def carried_fields(carried: tuple[ColumnSpec, ...]) -> list[pa.Field]:
    return [pa.field(column.name, arrow_type(column)) for column in carried]


def _carry(where: str, name: str, type_: str) -> ColumnSpec:
    if type_ == "numeric":
        raise SchemaError(_bare_numeric(where, name, "numeric(19,4)"))
    described = _described(type_)
    # What has no type of its own in the lake is carried as Postgres' text for it; the select casts it.
    exact = described in _KNOWN or is_exact_decimal(described) or re.fullmatch(r"char\(\d+\)", described)
    return ColumnSpec(name, described if exact else "text", name, "Carried: not described yet.", nullable=True)


def _described(type_: str) -> str:
    """Postgres' name of a type in config/sources' words."""
    if found := re.fullmatch(r"character\((\d+)\)", type_):
        return f"char({found[1]})"
    if type_.startswith("character varying"):
        return "text"
    return _WIDER.get(type_, _NAMES.get(type_, type_))


def _bare_numeric(where: str, column: str, expected: str) -> str:
    return (
        f"{where}: column {column}: expected {expected}, found numeric without precision, which has no exact type in "
        f"the lake: alter table {where.split('.', 1)[1]} alter column {column} type numeric(19,4)"
    )


def _listed(keys: frozenset[frozenset[str]]) -> str:
    return "; ".join(sorted(f"({', '.join(sorted(key))})" for key in keys)) or "none"
