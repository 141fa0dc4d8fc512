"""Python values as typed Trino literals: the one place where a value becomes SQL text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal


def literal(value: object) -> str:
    """The value as a Trino literal of its exact type; None is NULL, a time must know its zone.

    Raises TypeError for a float: money and measures are Decimal.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return f"bigint '{value}'"
        case Decimal():
            return f"decimal '{value:f}'"
        case str():
            # Trino's strings know one escape only, the doubled quote; a backslash is a backslash.
            return "'" + value.replace("'", "''") + "'"
        case datetime():
            if value.tzinfo is None:
                raise TypeError(f"{value!r} has no time zone: give it as an aware datetime")
            moment = value.astimezone(UTC).replace(tzinfo=None)
            return f"timestamp '{moment.isoformat(' ', 'microseconds')} UTC'"
        case date():
            return f"date '{value.isoformat()}'"
    raise TypeError(f"{value!r} of type {type(value).__name__} has no exact Trino literal: use Decimal, int or str")


def identifier(name: str) -> str:
    """The name quoted as an identifier, for Trino and Postgres alike."""
    return '"' + name.replace('"', '""') + '"'
