"""A delivered file to chunks of rows, whatever its format, in bounded memory.

The name says what a file is; the content must agree, or nothing of it is read.
"""

from __future__ import annotations

import gzip
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from tieout.extract.chunks import Chunk, Found, finish
from tieout.extract.csv_file import read_csv
from tieout.extract.currencies import Currencies
from tieout.extract.faults import NOT_AS_NAMED, TRUNCATED, UnreadableFile
from tieout.extract.json_file import is_document, read_json_document, read_json_lines
from tieout.extract.lines import LINE_LIMIT_BYTES
from tieout.extract.parquet_file import SchemaCheck, read_parquet
from tieout.sources import TableSpec

_NAME = re.compile(r"\.(jsonl|ndjson|json|csv|parquet)(\.gz)?$", re.IGNORECASE)
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_OTHERS = {
    b"PK\x03\x04": "a zip archive",
    b"ORC": "ORC",
    b"Obj\x01": "Avro",
    b"\x28\xb5\x2f\xfd": "zstandard",
}
_HEAD_BYTES = 64 * 1024
_SPOOL_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Format:
    """What a file's name says it is: jsonl, json, csv or parquet."""

    kind: str
    gzipped: bool


def format_of(name: str) -> Format | None:
    """The format that a name says, None for a name that says none."""
    found = _NAME.search(name)
    if not found:
        return None
    kind = found[1].lower()
    return Format("jsonl" if kind == "ndjson" else kind, bool(found[2]))


def read_file(
    table: TableSpec, name: str, file: BinaryIO, currencies: Currencies, check_schema: SchemaCheck = None
) -> Iterator[Chunk]:
    """The rows of one delivered file, typed for Bronze, and its lines that cannot be loaded.

    file: open for reading, seekable, at its start; an empty one of text has no chunks. check_schema: called with a
    Parquet file's own schema before its first row is read. Raises UnreadableFile when the file as a whole cannot be
    trusted; errors of the store pass through.
    """
    format_ = format_of(name)
    if format_ is None:
        raise ValueError(f"{name} ends on none of .jsonl .ndjson .json .csv .parquet, with or without .gz")
    head = file.read(len(_PARQUET))
    file.seek(0)
    if not head and format_.kind == "parquet":
        raise UnreadableFile(
            NOT_AS_NAMED,
            "its name says Parquet, but it has no bytes, where Parquet without rows still has a schema: deliver it "
            "again, or take it away",
        )
    if not head:
        return
    _check_compression(format_, head)
    stream = _Gunzipped(file) if format_.gzipped else file
    for found in _read(table, format_, stream, check_schema):
        chunk = finish(table, found, currencies)
        if chunk.seen:
            yield chunk


def _check_compression(format_: Format, head: bytes) -> None:
    is_gzip = head.startswith(_GZIP)
    if is_gzip and not format_.gzipped:
        raise UnreadableFile(
            NOT_AS_NAMED, "it is gzip, but its name does not end on .gz: deliver it under its right name"
        )
    if format_.gzipped and not is_gzip:
        raise UnreadableFile(NOT_AS_NAMED, "its name ends on .gz, but it is no gzip: deliver it under its right name")


def _read(table: TableSpec, format_: Format, stream: BinaryIO, check_schema: SchemaCheck) -> Iterator[Found]:
    if format_.kind == "parquet":
        yield from _read_parquet(table, stream, format_.gzipped, check_schema)
        return
    head = _read_fully(stream, _HEAD_BYTES)
    if not head:
        return
    _check_text(format_, head)
    text = _Rejoined(head, stream)
    if format_.kind == "csv":
        yield from read_csv(table, text)
    elif format_.kind == "json" and is_document(_first_line(head, text)):
        yield from read_json_document(table, text)
    else:
        yield from read_json_lines(table, text)


def _first_line(head: bytes, text: _Rejoined) -> bytes:
    """The start of the file up to its first line end, which may lie beyond the head."""
    while b"\n" not in head.lstrip() and len(head) < LINE_LIMIT_BYTES and (more := text.grow()):
        head += more
    return head


def _read_parquet(table: TableSpec, stream: BinaryIO, gzipped: bool, check_schema: SchemaCheck) -> Iterator[Found]:
    if not gzipped:
        yield from read_parquet(table, stream, check_schema)
        return
    with tempfile.TemporaryFile() as spool:  # Parquet is read from its end, gzip from its start
        shutil.copyfileobj(stream, spool, _SPOOL_BYTES)
        spool.seek(0)
        yield from read_parquet(table, spool, check_schema)


def _check_text(format_: Format, head: bytes) -> None:
    what = None
    if head.startswith(_PARQUET):
        what = "Parquet"
    elif head.startswith(_GZIP):
        what = "gzip within gzip"
    elif b"\0" in head:
        what = next((name for magic, name in _OTHERS.items() if head.startswith(magic)), "no UTF-8 text")
    elif format_.kind == "csv" and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b'{"', b"[{", b"{\n", b"{\r")):
        what = "JSON"
    elif format_.kind != "csv" and not _looks_like_json(head):
        what = "no JSON"
    if what:
        raise UnreadableFile(
            NOT_AS_NAMED, f"its name says {format_.kind}, but it is {what}: deliver it under its right name"
        )


def _looks_like_json(head: bytes) -> bool:
    """Whether any line of the head starts as JSON does: one malformed line does not make a file another format."""
    return any(line.lstrip(b"\xef\xbb\xbf \t\r").startswith((b"{", b"[")) for line in head.split(b"\n"))


def _read_fully(stream: BinaryIO, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


class _Rejoined:
    """A stream whose start has been read already."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream = head, stream

    def grow(self) -> bytes:
        more = self._stream.read(_HEAD_BYTES)
        self._head += more
        return more

    def read(self, size: int) -> bytes:
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        return self._stream.read(size)


class _Gunzipped:
    """The content of a gzip file. Raises UnreadableFile where it breaks off or its checksum is wrong."""

    def __init__(self, file: BinaryIO) -> None:
        self._gzip = gzip.GzipFile(fileobj=file)

    def read(self, size: int) -> bytes:
        try:
            return self._gzip.read(size)
        except EOFError as error:
            raise UnreadableFile(TRUNCATED, "its gzip breaks off before its end: deliver it again, whole") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise UnreadableFile(TRUNCATED, f"its gzip is damaged ({error}): deliver it again") from error
