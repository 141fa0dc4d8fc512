"""One row, one text, one number: the same on Postgres, over a source table, and on Trino, over the lake.

A row's key and described columns become one text. A column's part of it is

- NULL:               ``~``
- text, char, json, uuid: ``<characters>:<the value>``, so that no value can pass for another's end or for NULL
- anything else:      its canonical text, which holds neither ``~`` nor ``|``

and the parts are joined by ``|``. Decimals stand at their declared scale, instants in UTC to the microsecond, dates as
ISO 8601, booleans as true and false; trailing blanks of a char(n), which SQL holds to mean nothing, are left out.

The first 15 hex digits of the text's md5 are an integer of 60 bits; a table's checksum is the sum of its rows' as an
exact decimal, so the order of rows does not matter. Years 1 to 9999 are supported, which is what Bronze can hold.

Columns that the configuration does not describe are not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tieout.controls.literals import identifier
from tieout.sources import ColumnSpec, TableSpec

NULL_MARK = "~"


@dataclass(frozen=True)
class Engine:
    """How one engine writes a column as text, and a text as an integer.

    column_name: the column's name there. text(spec, name): an expression of type text, NULL for NULL.
    hash(text): the first 15 hex digits of its md5 as a bigint. bucket(text, bits): its first bits. total(hash): the
    exact sum, 0 for no rows. midnight(spec, day): the start of a day, YYYY-MM-DD in UTC, as a value of the column's
    type.
    """

    column_name: Callable[[ColumnSpec], str]
    text: Callable[[ColumnSpec, str], str]
    hash: Callable[[str], str]
    bucket: Callable[[str, int], str]
    total: Callable[[str], str]
    midnight: Callable[[ColumnSpec, str], str]

    def row_text(self, columns: Sequence[ColumnSpec]) -> str:
        """The expression of these columns' text."""
        parts = ", ".join(self._part(column) for column in columns)
        return f"concat_ws('|', {parts})"

    def row_hash(self, table: TableSpec) -> str:
        """The expression of a whole row's integer."""
        return self.hash(self.row_text(compared(table)))

    def checksum(self, table: TableSpec) -> str:
        """The aggregate of a table's checksum."""
        return self.total(self.row_hash(table))

    def key_text(self, table: TableSpec) -> str:
        """The expression of the text of a row's key."""
        return self.row_text(key_columns(table))

    def key_bucket(self, table: TableSpec, bits: int) -> str:
        """The expression of the bucket, 0 to 2 ** bits - 1, that a row's key falls into. bits: at most 32."""
        return self.bucket(self.key_text(table), bits)

    def key_values(self, table: TableSpec) -> list[str]:
        """The expressions of each key column's text."""
        return [self.text(column, identifier(self.column_name(column))) for column in key_columns(table)]

    def month(self, table: TableSpec) -> str:
        """The expression of the month, as YYYY-MM in UTC, of a table that is tied out by months."""
        column = table.column(table.month or "")
        return f"substr({self.text(column, identifier(self.column_name(column)))}, 1, 7)"

    def of_month(self, table: TableSpec, month: str) -> str:
        """The condition that a row is of a month, written so that an index or a file's statistics can serve it."""
        column = table.column(table.month or "")
        name = identifier(self.column_name(column))
        year, number = map(int, month.split("-"))
        after = f"{year + number // 12:04}-{number % 12 + 1:02}"
        return f"{name} >= {self.midnight(column, f'{month}-01')} and {name} < {self.midnight(column, f'{after}-01')}"

    def _part(self, column: ColumnSpec) -> str:
        value = self.text(column, identifier(self.column_name(column)))
        if _is_free_text(column):
            value = f"cast(length({value}) as varchar) || ':' || {value}"
        return f"coalesce({value}, '{NULL_MARK}')"


def compared(table: TableSpec) -> tuple[ColumnSpec, ...]:
    """The columns that a checksum covers, in its order: the key first."""
    key = key_columns(table)
    return key + tuple(column for column in table.columns if column not in key)


def key_columns(table: TableSpec) -> tuple[ColumnSpec, ...]:
    return tuple(table.column(name) for name in table.key)


def _is_free_text(column: ColumnSpec) -> bool:
    """Whether its text may hold anything. A uuid is plain text in the lake, where nothing enforces its form."""
    return column.type in ("text", "json", "uuid") or column.type.startswith("char(")


def _postgres_text(column: ColumnSpec, name: str) -> str:
    if column.numeric:
        precision, scale = column.numeric
        return f"cast(cast({name} as numeric({precision},{scale})) as text)"
    match column.type:
        # to_char, because a cast to text follows the session's DateStyle and leaves out trailing zeros.
        case "timestamptz":
            return f"to_char({name} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
        case "timestamp":
            return f"to_char({name}, 'YYYY-MM-DD HH24:MI:SS.US')"
        case "date":
            return f"to_char({name}, 'YYYY-MM-DD')"
    return f"cast({name} as text)"


def _postgres_midnight(column: ColumnSpec, day: str) -> str:
    return f"timestamptz '{day} 00:00:00 UTC'" if column.type == "timestamptz" else f"{column.type} '{day}'"


def _trino_midnight(column: ColumnSpec, day: str) -> str:
    match column.type:
        case "timestamptz":
            return f"timestamp '{day} 00:00:00 UTC'"
        case "timestamp":
            return f"timestamp '{day} 00:00:00'"
    return f"date '{day}'"


def _trino_text(column: ColumnSpec, name: str) -> str:
    if column.numeric:
        precision, scale = column.numeric
        return f"cast(cast({name} as decimal({precision},{scale})) as varchar)"
    if column.type.startswith("char("):
        return f"trim(trailing ' ' from cast({name} as varchar))"
    match column.type:
        case "timestamptz" | "unix_time":
            return f"cast(cast({name} at time zone 'UTC' as timestamp(6)) as varchar)"
        case "timestamp":
            return f"cast(cast({name} as timestamp(6)) as varchar)"
    return f"cast({name} as varchar)"


POSTGRES = Engine(
    column_name=lambda column: column.name,
    text=_postgres_text,
    hash=lambda text: f"('x' || substr(md5({text}), 1, 15))::bit(60)::bigint",
    bucket=lambda text, bits: f"(('x' || substr(md5({text}), 1, 8))::bit(32)::bigint >> {32 - bits})",
    # sum(bigint) is numeric in Postgres, and exact.
    total=lambda number: f"coalesce(sum({number}), 0)",
    midnight=_postgres_midnight,
)


def _trino_top_bits(text: str, bits: int) -> str:
    """The md5's first bits as a bigint: what reading its hex digits gives, without making the digits."""
    return f"bitwise_right_shift(from_big_endian_64(substr(md5(to_utf8({text})), 1, 8)), {64 - bits})"


def _trino(column_name: Callable[[ColumnSpec], str]) -> Engine:
    return Engine(
        column_name=column_name,
        text=_trino_text,
        hash=lambda text: _trino_top_bits(text, 60),
        bucket=_trino_top_bits,
        total=lambda number: f"coalesce(sum(cast({number} as decimal(38,0))), decimal '0')",
        midnight=_trino_midnight,
    )


SILVER = _trino(lambda column: column.silver)
BRONZE = _trino(lambda column: column.name)
