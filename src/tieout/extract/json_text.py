"""JSON in and out without loss: numbers never pass through a float, and equal values give equal text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, DecimalException
from math import isfinite, isnan
from typing import Any


class InvalidJson(ValueError):
    """Text that is no JSON, or JSON whose meaning is open (a name twice in one object, NaN, half a character)."""


# Of a pair that stands for one character: alone it is no character, and UTF-8 cannot hold it.
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


def parse(text: str) -> Any:
    """The value of a JSON text; whole numbers as int, others as Decimal. Raises InvalidJson."""
    try:
        value = _DECODER.decode(text)
        if _HALF_CHARACTER.search(text):
            canonical(value).encode()
        return value
    except UnicodeEncodeError as error:
        raise InvalidJson(f"{error.object[error.start]!a} is half a character: expected a pair") from error
    except json.JSONDecodeError as error:
        raise InvalidJson(f"{error.msg} at character {error.pos + 1}") from error
    except (ValueError, DecimalException) as error:
        raise InvalidJson(str(error) or "a number is out of bounds") from error
    except RecursionError as error:
        raise InvalidJson("it is nested too deeply") from error


def canonical(value: Any) -> str:
    """JSON text with sorted names and no spaces. Decimals keep their digits; instants become ISO 8601 text.

    A float that is no number, which JSON cannot say, becomes the text NaN, Infinity or -Infinity.
    """
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError):  # the encoder in C knows no Decimal, and no float that is no number
        return "".join(_pieces(value))


def _no_constant(name: str) -> Any:
    raise InvalidJson(f"{name} is no number that JSON knows")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InvalidJson(f"{', '.join(twice)} occurs twice in one object")
    return members


def _pieces(value: Any) -> Iterable[str]:
    if isinstance(value, Decimal):
        yield str(value)
    elif isinstance(value, dict):
        yield "{"
        for position, name in enumerate(sorted(value)):
            yield f"{',' if position else ''}{_ENCODER.encode(str(name))}:"
            yield from _pieces(value[name])
        yield "}"
    elif isinstance(value, list | tuple):
        yield "["
        for position, item in enumerate(value):
            yield "," if position else ""
            yield from _pieces(item)
        yield "]"
    elif isinstance(value, datetime | date):
        yield _ENCODER.encode(value.isoformat())
    elif isinstance(value, bytes):
        yield _ENCODER.encode(value.hex())
    elif isinstance(value, float) and not isfinite(value):
        yield f'"{"NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"}"'
    else:
        yield _ENCODER.encode(value if isinstance(value, str | int | float | bool | None) else str(value))


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_object)
_ENCODER = json.JSONEncoder(allow_nan=False, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
