"""JSON lines, and a whole document as an API returns it: a list object with its data, or a plain list."""

from __future__ import annotations

from collections.abc import Iterator, Set
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa

from tieout.extract.chunks import Found, cut
from tieout.extract.faults import (
    BAD_VALUE,
    MALFORMED_LINE,
    MISSING_COLUMN,
    NOT_AS_NAMED,
    TOO_LARGE,
    Fault,
    Rejected,
    UnreadableFile,
    quoted,
)
from tieout.extract.json_text import InvalidJson, canonical, parse
from tieout.extract.lines import Block, LineBlocks, shown
from tieout.extract.values import TEXT_TYPES
from tieout.sources import ColumnSpec, TableSpec

# A document is held in memory as a whole: about ten times this.
DOCUMENT_LIMIT_BYTES = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


def read_json_lines(table: TableSpec, stream: BinaryIO) -> Iterator[Found]:
    """One object a line. Raises UnreadableFile when a required column is on none of the lines."""
    names: set[str] = set()
    absent = table.missing(names)
    rows = 0
    for block in LineBlocks(stream):
        objects, lines, texts, rejected = _parse_lines(block)
        for members in objects:
            if not absent:
                break
            if members.keys() - names:
                names |= members.keys()
                absent = table.missing(names)
        rows += len(objects)
        yield _found(table, objects, lines, texts, rejected)
    _check_columns(table, absent, rows)


def read_json_document(table: TableSpec, stream: BinaryIO) -> Iterator[Found]:
    """The objects of a list; a row's line is its position in the list."""
    data = stream.read(DOCUMENT_LIMIT_BYTES + 1)
    if len(data) > DOCUMENT_LIMIT_BYTES:
        raise UnreadableFile(
            TOO_LARGE,
            f"a JSON document of more than {DOCUMENT_LIMIT_BYTES // 2**20} MiB: deliver it as JSON lines",
        )
    try:
        items = parse(data.removeprefix(_BOM).decode())
    except (InvalidJson, UnicodeDecodeError) as error:
        raise UnreadableFile(
            NOT_AS_NAMED,
            f"its name says JSON, but neither its lines nor the whole of it are JSON ({error}): deliver it again",
        ) from error
    if isinstance(items, dict):
        items = items.get("data") if items.get("object") == "list" else None
    if not isinstance(items, list):
        raise UnreadableFile(
            NOT_AS_NAMED,
            "a JSON document that is no list: expected one object a line, a list of objects, or "
            'Stripe\'s {"object": "list", "data": […]}; deliver it again as one of them',
        )
    objects = [item for item in items if isinstance(item, dict)]
    lines = [number for number, item in enumerate(items, 1) if isinstance(item, dict)]
    rejected = [
        Rejected(number, MALFORMED_LINE, f"a list of objects holds {quoted(canonical(item))}", cut(canonical(item)))
        for number, item in enumerate(items, 1)
        if not isinstance(item, dict)
    ]
    absent = table.missing(set().union(*(members.keys() for members in objects)))
    _check_columns(table, absent, len(objects))
    yield _found(table, objects, lines, [canonical(members) for members in objects], rejected)


def is_document(head: bytes) -> bool:
    """Whether the first line of a JSON file starts a whole document rather than being the first of JSON lines."""
    line = head.removeprefix(_BOM).lstrip().split(b"\n", 1)[0].rstrip()
    if line.startswith(b"["):
        return True
    try:
        first = parse(line.decode())
    except (InvalidJson, UnicodeDecodeError):
        return line.endswith((b"{", b"[", b","))
    return isinstance(first, dict) and first.get("object") == "list" and "data" in first


def _check_columns(table: TableSpec, absent: list[str], rows: int) -> None:
    if rows and absent:
        raise UnreadableFile(
            MISSING_COLUMN,
            f"{table.identifier}: expected column {', '.join(sorted(absent))}, found it on none of {rows} objects: "
            f"deliver it, or mark it optional in config/sources/{table.source}.yml",
        )


def _parse_lines(block: Block) -> tuple[list[dict], list[int], list[bytes], list[Rejected]]:
    objects: list[dict] = []
    lines: list[int] = []
    texts: list[bytes] = []
    rejected: list[Rejected] = []
    for number, line in enumerate(block.data.split(b"\n"), block.first_line):
        if number == 1:
            line = line.removeprefix(_BOM)
        if not line or line.isspace():
            continue
        try:
            members = parse(line.decode())
            if not isinstance(members, dict):
                raise InvalidJson("expected an object")
        except UnicodeDecodeError as error:
            rejected.append(Rejected(number, MALFORMED_LINE, f"no UTF-8: {error.reason}", cut(shown(line))))
        except InvalidJson as error:
            rejected.append(Rejected(number, MALFORMED_LINE, f"no JSON object: {error}", cut(shown(line))))
        else:
            objects.append(members)
            lines.append(number)
            texts.append(line)
    return objects, lines, texts, rejected


def _found(
    table: TableSpec,
    objects: list[dict],
    lines: list[int],
    texts: list[bytes] | list[str],
    rejected: list[Rejected],
) -> Found:
    columns: dict[str, pa.Array] = {}
    faults: list[Fault] = []
    known: dict[str, frozenset[int]] = {}
    delivered = set().union(*(members.keys() for members in objects))
    for name, column in table.delivered.items():
        if name not in delivered:
            continue
        columns[name], wrong = _column(name, column, [members.get(name) for members in objects])
        faults += wrong
        known[name] = frozenset(fault.row for fault in wrong)
    described = table.delivered.keys()
    others: set[str] = set()
    rest = [_rest(members, described, others) for members in objects]

    def raw(row: int) -> str:
        text = texts[row]
        return shown(text) if isinstance(text, bytes) else text

    return Found(
        columns,
        pa.array(lines, pa.int64()),
        pa.array(rest, pa.string()),
        raw,
        faults,
        known,
        rejected,
        frozenset(others),
    )


def _rest(members: dict[str, Any], described: Set[str], others: set[str]) -> str | None:
    """The members that are not described, as JSON; their names are added to others."""
    if members.keys() <= described:
        return None
    rest = {name: value for name, value in members.items() if name not in described and value is not None}
    others.update(rest)
    return canonical(rest) if rest else None


def _column(name: str, column: ColumnSpec, values: list[Any]) -> tuple[pa.Array, list[Fault]]:
    """The values as text, or as whole numbers or booleans where all of them are; and values of a wrong JSON type."""
    if column.type == "json":
        return pa.array([None if value is None else canonical(value) for value in values], pa.string()), []
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str}:
        return pa.array(values, pa.string()), []
    if column.type in TEXT_TYPES or column.type.startswith("char("):
        faults = [
            Fault(row, BAD_VALUE, f"{name}: expected text, found {quoted(canonical(value))}")
            for row, value in enumerate(values)
            if not isinstance(value, str | None)
        ]
        return pa.array([value if isinstance(value, str) else None for value in values], pa.string()), faults
    if kinds == {bool} and column.type == "boolean":
        return pa.array(values, pa.bool_()), []
    if kinds == {int} and column.type in ("integer", "bigint", "unix_time"):
        try:
            return pa.array(values, pa.int64()), []
        except OverflowError:
            pass
    return pa.array([_text(value) for value in values], pa.string()), []


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if type(value) is int:
        return str(value)
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) <= 40:
        return format(value, "f")  # without an exponent: 1e2 is 100
    return canonical(value)
