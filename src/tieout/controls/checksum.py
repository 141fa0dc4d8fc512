"""One row, one text, one number: the same on Postgres, over a source table, and on Trino, over the lake.

A row's key and described columns become one text. A column's part of it is

- text, char, json, uuid: ``<octets>|<the value>``, so that no value can pass for another's end; ``-1`` for NULL
- numbers:                all decimals of the declared scale
- instants, timestamps:   seconds since 0001-01-01 00:00:00, instants in UTC, with six decimals
- dates:                  days since 0001-01-01
- booleans:               ``true``, ``false``; of a mark of deletion NULL is ``false``, as in Silver
- NULL of any of these:   ``~``

and the parts are joined by ``|``. Trailing blanks of a char(n), which SQL holds to mean nothing, are left out.

The first 15 hex digits of the text's md5 are an integer of 60 bits; a table's checksum is the sum of its rows' as an
exact decimal, so the order of rows does not matter. Years 1 to 9999 are supported, which is what Bronze can hold.

The forms are those that both engines write at least cost: to_char alone took a third of Postgres's time.

Columns that the configuration does not describe are not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tieout.controls.literals import identifier
from tieout.sources import ColumnSpec, TableSpec

# The column that `Engine.hashed` adds.
HASH = "_hash"

NULL_MARK, NULL_LENGTH = "~", "-1"
# Postgres takes 100 arguments, and a column may be two of them.
_COLUMNS_AT_ONCE = 40
# From 0001-01-01 to 1970-01-01: 719,162 days.
_HOURS_TO_1970 = 719_162 * 24


@dataclass(frozen=True)
class Engine:
    """How one engine writes a column as text, and a text as an integer.

    column_name: the column's name there. text(spec, name): an expression of type text that shows the value, NULL for
    NULL. part(spec, name): an expression of the column's part, NULL for NULL. complete(spec, part): the arguments to
    concat_ws that stand for that part, NULL included. hash(text): the first 15 hex digits of its md5 as a bigint.
    bucket(text, bits): its first bits. total(hash): the exact sum, 0 for no rows. midnight(spec, day): the start of a
    day, YYYY-MM-DD in UTC, as a value of the column's type. parts_apart: whether parts are computed in a subquery of
    their own where there are many rows.
    """

    column_name: Callable[[ColumnSpec], str]
    text: Callable[[ColumnSpec, str], str]
    part: Callable[[ColumnSpec, str], str]
    complete: Callable[[ColumnSpec, str], str]
    hash: Callable[[str], str]
    bucket: Callable[[str, int], str]
    total: Callable[[str], str]
    midnight: Callable[[ColumnSpec, str], str]
    parts_apart: bool

    def row_text(self, columns: Sequence[ColumnSpec]) -> str:
        """The expression of these columns' text."""
        return _joined([self.complete(column, self._part(column)) for column in columns])

    def row_hash(self, table: TableSpec) -> str:
        """The expression of a whole row's integer. Of many rows it is cheaper to take `hashed`."""
        return self.hash(self.row_text(compared(table)))

    def hashed(self, table: TableSpec, relation: str, where: str = "true") -> str:
        """A relation of the rows and all their columns, with each row's integer as HASH."""
        if not self.parts_apart:
            return f"(select *, {self.row_hash(table)} as {HASH} from {relation} where {where}) as hashed"
        columns = list(enumerate(compared(table)))
        parts = ", ".join(f"{self._part(column)} as _part{number}" for number, column in columns)
        # What is named twice, Trino computes in a projection of its own; a coalesce would be put into one with all
        # others. That one is too large for the JVM to compile well, and took two to three times as long; and a column
        # that has a dictionary is computed once a distinct value when it stands alone.
        text = _joined(
            [f"if(_part{number} is null, {_null_text(column)}, _part{number})" for number, column in columns]
        )
        return (
            f"(select *, {self.hash(text)} as {HASH} from (select *, {parts} from {relation} where {where})) as hashed"
        )

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
        return self.part(column, identifier(self.column_name(column)))


def compared(table: TableSpec) -> tuple[ColumnSpec, ...]:
    """The columns that a checksum covers, in its order: the key first."""
    key = key_columns(table)
    return key + tuple(column for column in table.columns if column not in key)


def key_columns(table: TableSpec) -> tuple[ColumnSpec, ...]:
    return tuple(table.column(name) for name in table.key)


def _joined(parts: Sequence[str]) -> str:
    if len(parts) > _COLUMNS_AT_ONCE:
        starts = range(0, len(parts), _COLUMNS_AT_ONCE)
        parts = [_joined(parts[start : start + _COLUMNS_AT_ONCE]) for start in starts]
    return f"concat_ws('|', {', '.join(parts)})"


def _is_free_text(column: ColumnSpec) -> bool:
    """Whether its text may hold anything. A uuid is plain text in the lake, where nothing enforces its form."""
    return column.type in ("text", "json", "uuid") or column.type.startswith("char(")


def _null_text(column: ColumnSpec) -> str:
    """What stands for NULL, as a literal."""
    return f"'{NULL_LENGTH}'" if _is_free_text(column) else f"'{NULL_MARK}'"


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


def _postgres_part(column: ColumnSpec, name: str) -> str:
    match column.type:
        # Added as hours, which no time zone's rules bear on, and positive, so that the decimals read forwards.
        case "timestamptz" | "timestamp":
            return f"cast(extract(epoch from {name} + interval '{_HOURS_TO_1970} hours') as text)"
        case "date":
            return f"cast({name} - date '0001-01-01' as text)"
    return _postgres_text(column, name)


def _postgres_complete(column: ColumnSpec, part: str) -> str:
    if _is_free_text(column):
        # concat_ws leaves a NULL out.
        return f"coalesce(octet_length({part}), {NULL_LENGTH}), {part}"
    return f"coalesce({part}, {_null_text(column)})"


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
    if column.marks_deletion:
        return f"cast(coalesce({name}, false) as varchar)"
    match column.type:
        case "timestamptz" | "unix_time":
            return f"cast(cast({name} at time zone 'UTC' as timestamp(6)) as varchar)"
        case "timestamp":
            return f"cast(cast({name} as timestamp(6)) as varchar)"
    return f"cast({name} as varchar)"


def _postgres_digits(text: str, digits: int) -> str:
    """The md5's first hex digits as a bigint, in the form that costs least: a cast to varchar(n) cuts off."""
    return f"cast(cast('0x' || md5({text}) as varchar({digits + 2})) as bigint)"


def _trino_part(column: ColumnSpec, name: str) -> str:
    value = _trino_text(column, name)
    if _is_free_text(column):
        return f"concat(cast(length(to_utf8({value})) as varchar), '|', {value})"
    match column.type:
        # A second's decimals are the same in every time zone.
        case "timestamptz" | "unix_time":
            seconds = _trino_since("timestamp '0001-01-01 00:00:00 UTC'", "second", name)
            return f"concat({seconds}, substr(cast(cast({name} as time(6)) as varchar), 9))"
        # Not through time(6): Trino 476 makes a negative one of a timestamp before 1970.
        case "timestamp":
            seconds = _trino_since("timestamp '0001-01-01 00:00:00'", "second", name)
            return f"concat({seconds}, substr({value}, 20))"
        case "date":
            return _trino_since("date '0001-01-01'", "day", name)
    return value


def _trino_since(origin: str, unit: str, name: str) -> str:
    return f"cast(date_diff('{unit}', {origin}, {name}) as varchar)"


def _trino_complete(column: ColumnSpec, part: str) -> str:
    return f"coalesce({part}, {_null_text(column)})"


POSTGRES = Engine(
    column_name=lambda column: column.name,
    text=_postgres_text,
    part=_postgres_part,
    complete=_postgres_complete,
    hash=lambda text: _postgres_digits(text, 15),
    bucket=lambda text, bits: f"({_postgres_digits(text, 8)} >> {32 - bits})",
    # sum(bigint) is numeric in Postgres, and exact.
    total=lambda number: f"coalesce(sum({number}), 0)",
    midnight=_postgres_midnight,
    parts_apart=False,
)


def _trino_top_bits(text: str, bits: int) -> str:
    """The md5's first bits as a bigint: what reading its hex digits gives, without making the digits."""
    return f"bitwise_right_shift(from_big_endian_64(substr(md5(to_utf8({text})), 1, 8)), {64 - bits})"


def _trino(column_name: Callable[[ColumnSpec], str]) -> Engine:
    return Engine(
        column_name=column_name,
        text=_trino_text,
        part=_trino_part,
        complete=_trino_complete,
        hash=lambda text: _trino_top_bits(text, 60),
        bucket=_trino_top_bits,
        total=lambda number: f"coalesce(sum(cast({number} as decimal(38,0))), decimal '0')",
        midnight=_trino_midnight,
        parts_apart=True,
    )


SILVER = _trino(lambda column: column.silver)
BRONZE = _trino(lambda column: column.name)
