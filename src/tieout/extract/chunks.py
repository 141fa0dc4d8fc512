"""Rows on their way from a file to Bronze: as a reader of one format found them, and as they can be loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from tieout.bronze.schema import source_schema
from tieout.extract.currencies import Currencies
from tieout.extract.faults import AMOUNT_OUT_OF_RANGE, BAD_VALUE, UNKNOWN_CURRENCY, Fault, Rejected, quoted
from tieout.extract.values import convert, missing
from tieout.sources import ColumnSpec, TableSpec

# Silver holds every amount as numeric(19,4): 15 digits before the point.
_WHOLE_DIGITS = 15
# A longer line is cut in quarantine; the file itself is kept in landing.
_RAW_LIMIT = 64 * 1024


@dataclass(frozen=True)
class Found:
    """Rows as one format's reader found them.

    columns: described columns by the name under which they were delivered, which may be an alias, as text or an Arrow
    type; a column that was not delivered is left out.
    lines: int64, from 1. rest: JSON text of what is not described. raw: the text of a row, by its position.
    faults: what the reader found wrong with rows, known: rows of each column among them; rejected: lines that hold no
    row at all. others: names of columns that are not described.
    """

    columns: dict[str, pa.Array]
    lines: pa.Array
    rest: pa.Array
    raw: Callable[[int], str]
    faults: list[Fault] = field(default_factory=list)
    known: dict[str, frozenset[int]] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    others: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Chunk:
    """Rows that can be loaded (source columns typed for Bronze, _line, _rest), and the lines that cannot."""

    rows: pa.RecordBatch
    rejected: list[Rejected]
    others: frozenset[str] = frozenset()

    @property
    def seen(self) -> int:
        return self.rows.num_rows + len(self.rejected)


def finish(table: TableSpec, found: Found, currencies: Currencies) -> Chunk:
    """Type every column, take out the rows that have a fault, and say of each why."""
    faults = list(found.faults)
    arrays: list[pa.Array] = []
    for column in table.columns:
        typed, wrong = _typed(table, column, found)
        arrays.append(typed)
        faults += wrong
    by_name = dict(zip((column.name for column in table.columns), arrays, strict=True))
    faults += _currency_faults(table, by_name, currencies)
    schema = pa.schema([*source_schema(table), pa.field("_line", pa.int64()), pa.field("_rest", pa.string())])
    rows = pa.RecordBatch.from_arrays([*arrays, found.lines, found.rest], schema=schema)
    rejected = list(found.rejected)
    if faults:
        rows, more = _take_out(rows, found, faults)
        rejected = sorted(rejected + more, key=lambda r: r.line)
    return Chunk(rows, rejected, found.others)


def _typed(table: TableSpec, column: ColumnSpec, found: Found) -> tuple[pa.Array, list[Fault]]:
    """The column's values, whatever name they came under; a row that names it twice must say the same."""
    names = [name for name in (column.name, *column.aliases) if name in found.columns]
    if len(names) < 2:
        name = names[0] if names else column.name
        values = found.columns.get(name, pa.nulls(len(found.lines)))
        return convert(
            replace(column, name=name), values, _key(table, column, name), found.known.get(name, frozenset())
        )
    faults: list[Fault] = []
    typed = []
    for name in names:
        values, wrong = convert(replace(column, name=name, nullable=True), found.columns[name])
        typed.append(values)
        faults += wrong
    merged = pc.coalesce(*typed)
    for values in typed:
        differ = pc.fill_null(pc.not_equal(values, merged), False)
        for row in pc.indices_nonzero(differ).to_pylist():
            said = ", ".join(f"{n} is {quoted(v[row])}" for n, v in zip(names, typed, strict=True) if v[row].is_valid)
            faults.append(Fault(row, BAD_VALUE, f"{column.name}: {said}; both name one value, deliver one of them"))
    known = frozenset(fault.row for fault in faults).union(*(found.known.get(name, ()) for name in names))
    return merged, faults + missing(column, merged, table.key, known)


def _key(table: TableSpec, column: ColumnSpec, name: str) -> tuple[str, ...]:
    return (name,) if column.name in table.key else ()


def _take_out(rows: pa.RecordBatch, found: Found, faults: list[Fault]) -> tuple[pa.RecordBatch, list[Rejected]]:
    by_row: dict[int, list[Fault]] = {}
    for fault in faults:
        by_row.setdefault(fault.row, []).append(fault)
    rejected = [
        Rejected(found.lines[row].as_py(), why[0].code, "; ".join(f.reason for f in why), cut(found.raw(row)))
        for row, why in sorted(by_row.items())
    ]
    keep = [True] * rows.num_rows
    for row in by_row:
        keep[row] = False
    return rows.filter(pa.array(keep, pa.bool_())), rejected


def cut(raw: str) -> str:
    """A line's text within the bound that quarantine keeps."""
    return raw if len(raw) <= _RAW_LIMIT else f"{raw[:_RAW_LIMIT]}… ({len(raw)} characters)"


def _currency_faults(table: TableSpec, columns: dict[str, pa.Array], currencies: Currencies) -> list[Fault]:
    """Currencies that are not known, and minor units that would not fit numeric(19,4) in their currency.

    An unknown currency has no known minor unit: its amount cannot be told, so the row is not loaded.
    """
    if not table.currency:
        return []
    codes = columns[table.currency].dictionary_encode()
    minor_units = [currencies.get(code.upper()) for code in codes.dictionary.to_pylist()]
    faults = []
    unknown = pa.array([minor_unit is None for minor_unit in minor_units], pa.bool_())
    if pc.any(unknown).as_py():
        is_unknown = pc.fill_null(unknown.take(codes.indices), False)
        for row in pc.indices_nonzero(is_unknown).to_pylist():
            code = columns[table.currency][row].as_py()
            reason = f"{table.currency}: {quoted(code)} is not in app_db.currencies; add it there with its minor unit"
            faults.append(Fault(row, UNKNOWN_CURRENCY, reason))
    limits = pa.array([None if m is None else 10 ** (_WHOLE_DIGITS + min(m, 3)) for m in minor_units], pa.int64())
    for column in table.money:
        amounts = columns[column.name]
        if not pa.types.is_integer(amounts.type) or len(limits) == 0:
            continue
        # A limit on both sides: abs() of the smallest integer would overflow.
        limit = limits.take(codes.indices)
        beyond = pc.or_(pc.greater_equal(amounts, limit), pc.less_equal(amounts, pc.negate(limit)))
        for row in pc.indices_nonzero(pc.fill_null(beyond, False)).to_pylist():
            amount = Decimal(amounts[row].as_py())
            reason = f"{column.name}: {amount} minor units do not fit numeric(19,4)"
            faults.append(Fault(row, AMOUNT_OUT_OF_RANGE, reason))
    return faults
