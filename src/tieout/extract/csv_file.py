"""CSV: comma, double quotes, a header with the column names.

A block whose lines are all regular is read by Arrow as a whole. Any doubt (a line of the wrong width, a quoted line
end, a quote in an odd place, a byte that is no UTF-8) and the block is read record by record by the standard library,
which knows what is wrong with which line. A line that cannot be read is put aside alone and reading goes on with the
next.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv

from tieout.extract.chunks import Found, cut
from tieout.extract.faults import (
    MALFORMED_LINE,
    MISSING_COLUMN,
    MISSING_HEADER,
    Rejected,
    UnreadableFile,
    quoted,
)
from tieout.extract.json_text import canonical
from tieout.extract.lines import LINE_LIMIT_BYTES, Block, LineBlocks, shown
from tieout.sources import TableSpec

# A quoted value that spans more lines is taken for a quote that was never closed.
RECORD_LINES_LIMIT = 1000
# A quote neither at the start nor at the end of a value, or text after an empty pair: readers differ on what it means.
_ODD_QUOTES = re.compile(rb'[^,\n"]"[^,\r\n"]|(?:^|[,\n])""[^",\r\n]')
_BOM = b"\xef\xbb\xbf"


def read_csv(table: TableSpec, stream: BinaryIO) -> Iterator[Found]:
    """The rows below the header; a row's line is where it starts in the file, the header being line 1."""
    blocks = LineBlocks(stream)
    names = _header(table, blocks.first())
    for block in blocks:
        if found := _read_regular(table, names, block):
            yield found
        else:
            found, unread = _read_records(table, names, block)
            blocks.hand_back(unread)
            yield found


def _header(table: TableSpec, line: bytes) -> list[str]:
    required = table.missing(())
    try:
        names = next(csv.reader([line.removeprefix(_BOM).decode()], strict=True), [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise UnreadableFile(MISSING_HEADER, f"its first line is no CSV header ({error}): deliver it again") from error
    if not set(names) & table.delivered.keys():
        raise UnreadableFile(
            MISSING_HEADER,
            f"its first line names no column of {table.identifier}: expected {', '.join(required)}, found "
            f"{quoted(','.join(names))}; deliver it again with its header, values separated by commas",
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UnreadableFile(
            MISSING_HEADER,
            f"its header names {', '.join(twice)} twice: deliver it again with each column once",
        )
    if missing := table.missing(names):
        raise UnreadableFile(
            MISSING_COLUMN,
            f"{table.identifier}: expected column {', '.join(missing)}, found {', '.join(names)}: deliver it, or mark "
            f"it optional in config/sources/{table.source}.yml",
        )
    return names


def _read_regular(table: TableSpec, names: list[str], block: Block) -> Found | None:
    """The whole block by Arrow; None when not every line is surely one record."""
    data = block.data.rstrip(b"\r\n") if block.last else block.data
    if not data:
        return None
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        return None
    if _has_odd_quotes(data):
        return None
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    odd: list[object] = []

    def put_aside(row: object) -> str:
        odd.append(row)
        return "skip"

    try:
        rows = pa.csv.read_csv(
            pa.BufferReader(data),
            pa.csv.ReadOptions(column_names=names, block_size=len(data) + 1, use_threads=False),
            pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=put_aside),
            pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if odd or rows.num_rows != lines:
        return None
    columns = {name: _one_array(rows.column(name)) for name in names}
    numbers = pa.array(range(block.first_line, block.first_line + lines), pa.int64())
    split = cache(lambda: data.split(b"\n"))
    return _found(table, columns, numbers, lambda row: shown(split()[row]), [])


def _has_odd_quotes(data: bytes) -> bool:
    quotes = data.count(b'"')
    opening = data.startswith(b'"') + data.count(b',"') + data.count(b'\n"')
    closing = data.endswith(b'"') + data.count(b'",') + data.count(b'"\n') + data.count(b'"\r')
    # Counting is fast and settles the usual block; quotes within values need the pattern.
    return quotes != opening + closing and bool(_ODD_QUOTES.search(data))


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _read_records(table: TableSpec, names: list[str], block: Block) -> tuple[Found, bytes]:
    """Record by record; also the bytes of a last record that goes on beyond the block."""
    *whole, end = block.data.split(b"\n")
    raw_lines = [line + b"\n" for line in whole] + ([end] if end else [])
    records: list[list[str]] = []
    spans: list[tuple[int, int]] = []
    rejected: list[Rejected] = []
    unread = len(raw_lines)
    for record in _records([line.decode("utf-8", "surrogateescape") for line in raw_lines], len(names), block.last):
        if record.values is not None:
            records.append(record.values)
            spans.append((record.start, record.end))
        elif record.problem:
            raw = cut(shown(raw_lines[record.start]))
            rejected.append(Rejected(block.first_line + record.start, MALFORMED_LINE, record.problem, raw))
        else:
            unread = record.start
    by_name = dict(zip(names, zip(*records, strict=True), strict=True)) if records else dict.fromkeys(names, ())
    columns = {name: pa.array([value or None for value in values], pa.string()) for name, values in by_name.items()}
    numbers = pa.array([block.first_line + start for start, _ in spans], pa.int64())

    def raw_row(row: int) -> str:
        start, stop = spans[row]
        return shown(b"".join(raw_lines[start:stop]))

    return _found(table, columns, numbers, raw_row, rejected), b"".join(raw_lines[unread:])


@dataclass(frozen=True)
class _Record:
    """Lines start to end (not included): the values, or the problem of line start, or neither: it is not complete."""

    start: int
    end: int
    values: list[str] | None = None
    problem: str | None = None


class _Feed:
    """Hands lines to the csv module, no further than `limit`."""

    def __init__(self, lines: list[str], position: int) -> None:
        self._lines = lines
        self.position = position
        self.limit = len(lines)

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if self.position >= min(self.limit, len(self._lines)):
            raise StopIteration
        self.position += 1
        return self._lines[self.position - 1]


def _records(lines: list[str], width: int, last: bool) -> Iterator[_Record]:
    """Records of `width` values. A line with a problem stands alone; what a stray quote swallowed is read again."""
    csv.field_size_limit(LINE_LIMIT_BYTES)
    start, reader = 0, None
    while start < len(lines):
        if reader is None:
            feed = _Feed(lines, start)
            reader = csv.reader(feed, strict=True)
        feed.limit = start + RECORD_LINES_LIMIT
        try:
            values = next(reader)
        except csv.Error as error:
            open_quote = "unexpected end of data" in str(error)
            if open_quote and not last and feed.position == len(lines) < feed.limit:
                yield _Record(start, len(lines))
                return
            yield _Record(start, start + 1, problem="a quote is never closed" if open_quote else str(error))
            start, reader = start + 1, None
            continue
        if not values:  # a blank line
            start = feed.position
            continue
        problem = None
        if len(values) != width:
            problem = f"expected {width} values, found {len(values)}"
        elif not _is_utf8(values):
            problem = "no UTF-8"
        if problem is None:
            yield _Record(start, feed.position, values)
            start = feed.position
        else:
            yield _Record(start, start + 1, problem=problem)
            reader = reader if feed.position == start + 1 else None
            start += 1


def _is_utf8(values: list[str]) -> bool:
    try:
        "".join(values).encode()
    except UnicodeEncodeError:
        return False
    return True


def _has_values(column: pa.Array) -> bool:
    return column.null_count < len(column)


def _found(
    table: TableSpec,
    columns: dict[str, pa.Array],
    lines: pa.Array,
    raw: Callable[[int], str],
    rejected: list[Rejected],
) -> Found:
    described = table.delivered
    others = {name: column for name, column in columns.items() if name not in described and _has_values(column)}
    rest: list[str | None] = [None] * len(lines)
    if others:
        for row, values in enumerate(zip(*(values.to_pylist() for values in others.values()), strict=True)):
            members = {name: value for name, value in zip(others, values, strict=True) if value is not None}
            rest[row] = canonical(members) if members else None
    named = {name: values for name, values in columns.items() if name in described}
    return Found(named, lines, pa.array(rest, pa.string()), raw, rejected=rejected, others=frozenset(others))
