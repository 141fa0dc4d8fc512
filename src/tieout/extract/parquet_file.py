"""Parquet: typed columns, checked before the first row is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tieout.bronze.schema import arrow_type
from tieout.extract.chunks import Found
from tieout.extract.faults import MISSING_COLUMN, NOT_AS_NAMED, RETYPED_COLUMN, UnreadableFile
from tieout.extract.json_text import canonical
from tieout.extract.values import accepts
from tieout.sources import TableSpec

# More is no faster, and stands in memory several times over: read, typed, queued and encoded.
ROWS_PER_CHUNK = 16_384
_READ_BYTES = 1024 * 1024

# What is asked of a file's own schema; it raises UnreadableFile.
SchemaCheck = Callable[[pa.Schema], None] | None


def read_parquet(table: TableSpec, file: BinaryIO, check_schema: SchemaCheck = None) -> Iterator[Found]:
    """The rows in order; a row's line is its number in the file. Raises UnreadableFile for a wrong schema."""
    source = _Watched(file)
    try:
        # Buffered reads keep a row group's undecoded bytes out of memory.
        parquet = pq.ParquetFile(pa.PythonFile(source, "r"), buffer_size=_READ_BYTES, pre_buffer=False)
        _check_schema(table, parquet.schema_arrow)
        if check_schema:
            check_schema(parquet.schema_arrow)
        first = 1
        for rows in parquet.iter_batches(ROWS_PER_CHUNK, use_threads=False):
            rows.validate(full=True)  # Arrow takes any bytes for text, also what is no UTF-8
            yield _found(table, rows, first)
            first += rows.num_rows
        if first - 1 != parquet.metadata.num_rows:
            raise UnreadableFile(
                NOT_AS_NAMED,
                f"its footer says {parquet.metadata.num_rows} rows, and {first - 1} could be read: deliver it again",
            )
    except (pa.ArrowException, OSError) as error:
        if source.failure:  # the store failed, not the file
            raise source.failure from error
        raise UnreadableFile(
            NOT_AS_NAMED, f"its name says Parquet, but it cannot be read as that ({error}): deliver it again"
        ) from error


class _Watched:
    """A file that remembers when reading it failed: Arrow reports a broken store and a broken file alike."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failure: Exception | None = None
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        try:
            return self._file.read(size)
        except Exception as error:
            self.failure = error
            raise

    def seek(self, offset: int, whence: int = 0) -> int:
        self._file.seek(offset, whence)
        return self._file.tell()

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False


def _check_schema(table: TableSpec, schema: pa.Schema) -> None:
    if twice := sorted({name for name in schema.names if schema.names.count(name) > 1}):
        raise UnreadableFile(RETYPED_COLUMN, f"it holds {', '.join(twice)} twice: deliver each column once")
    if missing := table.missing(schema.names):
        raise UnreadableFile(
            MISSING_COLUMN,
            f"{table.identifier}: expected column {', '.join(missing)}, found {', '.join(schema.names)}: deliver it, "
            f"or mark it optional in config/sources/{table.source}.yml",
        )
    wrong = [
        f"{name}: expected {arrow_type(column)} (or text), found {schema.field(name).type}"
        for name, column in table.delivered.items()
        if name in schema.names and not accepts(column, schema.field(name).type)
    ]
    if wrong:
        raise UnreadableFile(
            RETYPED_COLUMN,
            f"{table.identifier}: {'; '.join(wrong)}. Nothing is read through a type that can lose a digit: deliver it "
            f"in the type expected, or change config/sources/{table.source}.yml",
        )


def _found(table: TableSpec, rows: pa.RecordBatch, first: int) -> Found:
    described = table.delivered
    columns = {name: rows.column(name) for name in rows.schema.names if name in described}
    others = [name for name in rows.schema.names if name not in described]
    rest = pa.nulls(rows.num_rows, pa.string())
    if others:
        rest = pa.array([_rest(row) for row in _as_python(rows.select(others))], pa.string())
    lines = pa.array(np.arange(first, first + rows.num_rows, dtype=np.int64))

    def raw(row: int) -> str:
        return canonical(_as_python(rows.slice(row, 1))[0])

    return Found(columns, lines, rest, raw, others=frozenset(others))


def _as_python(rows: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows as Python values; times as text, because Parquet holds some that Python cannot."""
    columns = [
        column.cast(pa.string())
        if pa.types.is_temporal(column.type) and not pa.types.is_duration(column.type)
        else column
        for column in rows.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names).to_pylist(maps_as_pydicts="strict")


def _rest(row: dict[str, Any]) -> str | None:
    members = {name: value for name, value in row.items() if value is not None}
    return canonical(members) if members else None
