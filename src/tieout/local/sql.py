"""One SQL statement on Trino, its rows on stdout: as a table for people, as CSV or JSON for programs.

Decimals are printed exactly, at their declared scale, and in JSON as strings: a JSON number would be read as a
float by most programs.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from tieout.connections import trino_connection
from tieout.errors import StackError, TieoutError
from tieout.settings import get_settings

FORMATS = ("table", "csv", "json")


class QueryError(TieoutError):
    """Trino refused or failed the statement."""


def run(statement: str, format: str, user: str | None = None) -> None:
    """Print the rows of ``statement``. Raises QueryError with Trino's own words, StackError when it is not there."""
    if format not in FORMATS:
        raise QueryError(f"there is no format {format!r}: write one of {', '.join(FORMATS)}")
    columns, rows = fetch(statement, user)
    {"table": _table, "csv": _csv, "json": _json}[format](columns, rows)


def fetch(statement: str, user: str | None = None) -> tuple[list[tuple[str, str]], list[list[Any]]]:
    """The result's columns as (name, Trino type), and its rows."""
    import requests
    import trino.exceptions

    connection = trino_connection(user=user)
    try:
        cursor = connection.cursor()
        cursor.execute(statement.strip().removesuffix(";"))
        rows = cursor.fetchall()
        return [(column[0], column[1]) for column in cursor.description or ()], rows
    except trino.exceptions.TrinoQueryError as error:
        raise QueryError(f"{error.error_name}: {error.message}") from error
    except (requests.ConnectionError, trino.exceptions.TrinoConnectionError) as error:
        raise StackError(f"Trino does not answer at {get_settings().trino_url}: run `tieout up`") from error
    finally:
        connection.close()


def text(value: Any) -> str:
    """A value as people and CSV read it; NULL is empty."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")  # str() would turn to exponents at small scales
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, list | tuple | dict):
        return json.dumps(plain(value))
    return str(value)


def plain(value: Any) -> Any:
    """A value as JSON carries it: decimals, dates and identifiers as strings."""
    if isinstance(value, Decimal | date | time | UUID):
        return text(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def _csv(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(name for name, _ in columns)
    writer.writerows([text(value) for value in row] for row in rows)


def _json(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> None:
    names = [name for name, _ in columns]
    objects = [dict(zip(names, map(plain, row), strict=True)) for row in rows]
    json.dump(objects, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def _table(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for name, kind in columns:
        numeric = kind.startswith(("decimal", "bigint", "integer", "smallint", "tinyint", "double", "real"))
        # A number that is cut off or folded would be another number.
        table.add_column(Text(name), justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
    for row in rows:
        table.add_row(*(Text(text(value)) for value in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    console.print(table)
    console.print(f"{len(rows)} row{'' if len(rows) == 1 else 's'}", style="dim", highlight=False)
