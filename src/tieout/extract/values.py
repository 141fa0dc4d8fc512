"""Delivered values to typed columns, exactly or not at all.

A column is converted as a whole where its values have their usual form; the few that do not are read one by one, which
also finds the words for what is wrong with them. Both ways give the same value for the same text. Nothing is rounded,
cut or guessed: a value that its column cannot hold is a fault of its row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.bronze.schema import arrow_type
from tieout.extract.faults import AMOUNT_OUT_OF_RANGE, BAD_VALUE, MISSING_KEY, BadValue, Fault, quoted
from tieout.extract.json_text import InvalidJson, canonical, parse
from tieout.sources import ColumnSpec

TEXT_TYPES = ("text", "uuid")
_INSTANT = pa.timestamp("us", tz="UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds of the years 1 to 9999, which every part of the lake and Python can hold.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799


def convert(
    column: ColumnSpec, values: pa.Array, key: Iterable[str] = (), known: frozenset[int] = frozenset()
) -> tuple[pa.Array, list[Fault]]:
    """The values in the column's Bronze type, and a fault for each row whose value it cannot hold.

    values: text, or an Arrow type that `accepts` allows. key: the table's key columns. known: rows whose fault in this
    column has been found already.
    """
    values = _plain(values)
    if pa.types.is_string(values.type) and column.type not in TEXT_TYPES and not column.type.startswith("char("):
        values = _trimmed(values)
    if pa.types.is_null(values.type):
        typed, faults = pa.nulls(len(values), arrow_type(column)), []
    elif pa.types.is_string(values.type):
        typed, faults = _from_text(column, values)
    else:
        typed, faults = _from_typed(column, values)
    return typed, faults + missing(column, values, key, known)


def missing(
    column: ColumnSpec, values: pa.Array, key: Iterable[str] = (), known: frozenset[int] = frozenset()
) -> list[Fault]:
    """A fault for each row without a value, where the column may not be NULL; as for `convert`."""
    if column.nullable or not values.null_count:
        return []
    code, says = (MISSING_KEY, "the key is empty") if column.name in key else (BAD_VALUE, "it may not be empty")
    return [Fault(row, code, f"{column.name}: {says}") for row in _rows(values.is_null()) if row not in known]


def accepts(column: ColumnSpec, type_: pa.DataType) -> bool:
    """Whether a typed file may deliver the column in this Arrow type: only what can hold it without loss or guess."""
    t = pa.types
    if t.is_dictionary(type_):
        return accepts(column, type_.value_type)
    if t.is_string(type_) or t.is_large_string(type_) or t.is_null(type_):
        return True
    if column.type in ("integer", "bigint"):
        return t.is_integer(type_) or t.is_decimal(type_)
    if column.numeric:
        return t.is_integer(type_) or t.is_decimal(type_)
    if column.type == "boolean":
        return t.is_boolean(type_)
    if column.type == "unix_time":
        return t.is_integer(type_) or t.is_timestamp(type_)
    if column.type in ("timestamp", "timestamptz", "date"):
        return t.is_timestamp(type_) or t.is_date(type_)
    if column.type == "json":
        return t.is_struct(type_) or t.is_map(type_) or t.is_list(type_) or t.is_large_list(type_)
    return False


def _plain(values: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return values.cast(pa.string()) if pa.types.is_large_string(values.type) else values


def _trimmed(text: pa.Array) -> pa.Array:
    text = pc.utf8_trim_whitespace(text)
    empty = pc.equal(text, "")
    return pc.if_else(empty, pa.scalar(None, pa.string()), text) if pc.any(empty).as_py() else text


def _rows(mask: pa.Array) -> list[int]:
    return pc.indices_nonzero(mask).to_pylist()


# ---------------------------------------------------------------- text


@dataclass(frozen=True)
class _Form:
    """A usual form of a type's text: the pattern that knows it, and how a whole column of it is converted."""

    pattern: str
    cast: Callable[[pa.Array, pa.DataType], pa.Array]


def _from_text(column: ColumnSpec, text: pa.Array) -> tuple[pa.Array, list[Fault]]:
    target = arrow_type(column)
    if column.type == "text":
        return text, []
    if pa.types.is_string(target):
        return _one_by_one(column, text, pa.nulls(len(text), target))
    regular = _pad_hours(text) if target in (_INSTANT, pa.timestamp("us")) else text
    typed = pa.nulls(len(text), target)
    for form in _forms(column):
        known = pc.match_substring_regex(regular, form.pattern)
        if not pc.any(known).as_py():
            continue
        try:
            found = form.cast(pc.if_else(known, regular, pa.scalar(None, pa.string())), target)
        except pa.ArrowInvalid:  # the form is right and a value is not (30 February): one by one, below
            continue
        typed = found if typed.null_count == len(typed) else pc.coalesce(typed, found)
    return _one_by_one(column, text, typed)


def _one_by_one(column: ColumnSpec, text: pa.Array, typed: pa.Array) -> tuple[pa.Array, list[Fault]]:
    """Read each text that has no typed value yet; one that occurs many times, as JSON often does, once."""
    todo = pc.and_(text.is_valid(), typed.is_null())
    if not pc.any(todo).as_py():
        return typed, []
    read = _reader(column)
    texts = text.filter(todo).dictionary_encode()
    found: list[Any] = []
    wrong: dict[int, BadValue] = {}
    for number, value in enumerate(texts.dictionary.to_pylist()):
        try:
            found.append(read(value))
        except BadValue as error:
            found.append(None)
            wrong[number] = error
    faults: list[Fault] = []
    if wrong:
        for row, number in zip(_rows(todo), texts.indices.to_pylist(), strict=True):
            if error := wrong.get(number):
                faults.append(Fault(row, error.code, f"{column.name}: {error}"))
    return pc.replace_with_mask(typed, todo, pa.array(found, typed.type).take(texts.indices)), faults


def _forms(column: ColumnSpec) -> tuple[_Form, ...]:
    if column.numeric:
        precision, scale = column.numeric
        fraction = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""
        return (_Form(rf"^-?[0-9]{{1,{precision - scale}}}{fraction}$", pc.cast),)
    return _FORMS[column.type]


def _cast_epoch(text: pa.Array, _: pa.DataType) -> pa.Array:
    return text.cast(pa.int64()).cast(pa.timestamp("s")).cast(_INSTANT)


def _cast_clock(text: pa.Array, target: pa.DataType) -> pa.Array:
    return text.cast(pa.timestamp("us")).cast(target)


def _cast_zoned(text: pa.Array, target: pa.DataType) -> pa.Array:
    return text.cast(_INSTANT).cast(target)


def _cast_boolean(text: pa.Array, _: pa.DataType) -> pa.Array:
    return pc.equal(pc.utf8_lower(pc.utf8_slice_codeunits(text, 0, 1)), "t")


def _pad_hours(text: pa.Array) -> pa.Array:
    """NetSuite writes '2017-05-07 0:00:00'; a converted hour has two digits."""
    return pc.replace_substring_regex(text, r"^([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]:)", r"\1 0\2")


# Years outside 1000 to 2999 are read one by one.
_DAY = r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
_FORMS_OF_INSTANT = (
    _Form(rf"{_DAY}({_CLOCK})?$", _cast_clock),
    _Form(rf"{_DAY}{_CLOCK}(Z|[+-][0-9]{{2}}:[0-9]{{2}})$", _cast_zoned),
)
_FORMS: dict[str, tuple[_Form, ...]] = {
    "boolean": (_Form("^(?i:t|f|true|false)$", _cast_boolean),),
    "integer": (_Form("^-?[0-9]{1,9}$", pc.cast),),
    "bigint": (_Form("^-?[0-9]{1,18}$", pc.cast),),
    "unix_time": (_Form("^[0-9]{1,11}$", _cast_epoch), *_FORMS_OF_INSTANT),
    "timestamptz": _FORMS_OF_INSTANT,
    "timestamp": _FORMS_OF_INSTANT,
    "date": (_Form(rf"{_DAY}$", pc.cast),),
}


# ---------------------------------------------------------------- one value


def _reader(column: ColumnSpec) -> Callable[[str], Any]:
    """The function that reads one text of the column, or raises BadValue."""
    if column.numeric:
        return lambda text: read_decimal(text, *column.numeric, money=column.money)
    if column.type.startswith("char("):
        return lambda text: _read_char(text, int(column.type[5:-1]))
    if column.type in ("integer", "bigint"):
        bits = 31 if column.type == "integer" else 63
        return lambda text: _read_integer(text, bits, column.money)
    return {
        "boolean": _read_boolean,
        "unix_time": _read_unix_time,
        "timestamptz": read_instant,
        "timestamp": lambda text: read_instant(text).replace(tzinfo=None),
        "date": _read_date,
        "json": _read_json,
        "uuid": _read_uuid,
    }[column.type]


def read_decimal(text: str, precision: int, scale: int, money: bool = True) -> Decimal:
    """The exact decimal of a plain number's text. Raises BadValue when it does not fit, and never rounds."""
    found = re.fullmatch(r"([+-]?)([0-9]*)(?:\.([0-9]*))?", text)
    if not found or not (found[2] or found[3]):
        raise BadValue(f"{quoted(text)} is no decimal number")
    whole, fraction = found[2].lstrip("0"), (found[3] or "").rstrip("0")
    if len(whole) > precision - scale:
        raise BadValue(
            f"{quoted(text)} does not fit numeric({precision},{scale})",
            AMOUNT_OUT_OF_RANGE if money else BAD_VALUE,
        )
    if len(fraction) > scale:
        raise BadValue(f"{quoted(text)} has more than {scale} decimals, and nothing is rounded")
    sign = "-" if found[1] == "-" and (whole or fraction) else ""
    return Decimal(f"{sign}{whole or '0'}.{fraction.ljust(scale, '0')}")


def _read_integer(text: str, bits: int, money: bool) -> int:
    if not re.fullmatch("[+-]?[0-9]+", text):
        raise BadValue(f"{quoted(text)} is no whole number")
    digits = text.lstrip("+-").lstrip("0")
    value = int(text) if len(digits) < 30 else 2**100
    if not -(2**bits) <= value < 2**bits:
        raise BadValue(f"{quoted(text)} does not fit {bits + 1} bits", AMOUNT_OUT_OF_RANGE if money else BAD_VALUE)
    return value


def _read_boolean(text: str) -> bool:
    if (lower := text.lower()) not in ("t", "true", "f", "false"):
        raise BadValue(f"{quoted(text)} is no boolean: expected true, false, T or F")
    return lower in ("t", "true")


def _read_unix_time(text: str) -> datetime:
    if not re.fullmatch("-?[0-9]+", text):
        return read_instant(text)
    if len(text) > 13 or not _FIRST_SECOND <= int(text) <= _LAST_SECOND:
        raise BadValue(f"{quoted(text)} is no time in seconds since 1970: milliseconds, perhaps")
    return _EPOCH + timedelta(seconds=int(text))


_INSTANT_TEXT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[ T]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)? ?(Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


def read_instant(text: str) -> datetime:
    """The instant that a date or time says, UTC where it names no zone. Raises BadValue."""
    found = _INSTANT_TEXT.fullmatch(text)
    if not found:
        raise BadValue(f"{quoted(text)} is no time: expected YYYY-MM-DD HH:MM:SS or ISO 8601")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    micro = (fraction or "").rstrip("0")
    if len(micro) > 6:
        raise BadValue(f"{quoted(text)} is finer than a microsecond, and nothing is rounded")
    try:
        clock = (int(hour or 0), int(minute or 0), int(second or 0), int(micro.ljust(6, "0")))
        return datetime(int(year), int(month), int(day), *clock, tzinfo=UTC) - _offset(zone)
    except (ValueError, OverflowError) as error:
        raise BadValue(f"{quoted(text)} is no time: {error}") from error


def _offset(zone: str | None) -> timedelta:
    if zone in (None, "Z", "UTC"):
        return timedelta()
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError(f"{zone} is no offset from UTC")
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if zone.startswith("-") else offset


def _read_date(text: str) -> date:
    instant = read_instant(text)
    if instant.time().isoformat() != "00:00:00":
        raise BadValue(f"{quoted(text)} is no date: it has a time of day")
    return instant.date()


def _read_json(text: str) -> str:
    try:
        return canonical(parse(text))
    except InvalidJson as error:
        raise BadValue(f"{quoted(text)} is no JSON: {error}") from error


def _read_uuid(text: str) -> str:
    if not re.fullmatch("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise BadValue(f"{quoted(text)} is no UUID")
    return text.lower()


def _read_char(text: str, length: int) -> str:
    if len(text) > length:
        raise BadValue(f"{quoted(text)} is longer than {length} characters")
    return text


# ---------------------------------------------------------------- typed


def _from_typed(column: ColumnSpec, values: pa.Array) -> tuple[pa.Array, list[Fault]]:
    target = arrow_type(column)
    if column.type == "json":
        nested = values.to_pylist(maps_as_pydicts="strict")
        return pa.array([None if value is None else canonical(value) for value in nested], target), []
    if pa.types.is_date(target) and pa.types.is_timestamp(values.type):  # Arrow would drop the time of day
        return _from_text(column, _as_text(values))
    if column.type == "unix_time" and pa.types.is_integer(values.type):
        return _from_epoch(column, values)
    try:
        typed = _cast_exactly(values, target)
    except pa.ArrowInvalid:  # at least one value would lose something: find which
        return _from_text(column, _as_text(values))
    if pa.types.is_timestamp(target):
        seconds = typed.cast(pa.int64())
        inside = pc.and_(pc.greater_equal(seconds, _FIRST_SECOND * 10**6), pc.less(seconds, (_LAST_SECOND + 1) * 10**6))
        outside = _rows(pc.invert(inside))
        return typed, [Fault(row, BAD_VALUE, f"{column.name}: it is outside the years 1 to 9999") for row in outside]
    return typed, []


def _from_epoch(column: ColumnSpec, seconds: pa.Array) -> tuple[pa.Array, list[Fault]]:
    if pa.types.is_uint64(seconds.type):  # Arrow compares it as a signed number, which does not hold all of it
        return _from_text(column, seconds.cast(pa.string()))
    inside = pc.and_(pc.greater_equal(seconds, _FIRST_SECOND), pc.less_equal(seconds, _LAST_SECOND))
    if pc.all(inside, min_count=0).as_py():
        return seconds.cast(pa.int64()).cast(pa.timestamp("s")).cast(_INSTANT), []
    return _from_text(column, seconds.cast(pa.string()))


def _cast_exactly(values: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(target) and pa.types.is_integer(values.type):
        values = values.cast(
            pa.decimal128(38, target.scale)
        )  # a 64-bit integer's own width needs a wider decimal first
    return values.cast(target)


def _as_text(values: pa.Array) -> pa.Array:
    if pa.types.is_decimal(values.type):  # Arrow's own text may have an exponent
        return pa.array([None if value is None else _plain_decimal(value) for value in values.to_pylist()], pa.string())
    if pa.types.is_timestamp(values.type) and values.type.tz:
        values = values.cast(pa.timestamp(values.type.unit))
    return values.cast(pa.string())


def _plain_decimal(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
