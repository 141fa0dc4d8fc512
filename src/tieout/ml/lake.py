"""What the ML tasks read: Silver and the Gold candidate, through Trino."""

from __future__ import annotations

from typing import Any

SILVER = "lake.silver"
GOLD = "lake.gold_candidate"


def rows(sql: str) -> list[dict[str, Any]]:
    """All rows of one statement, as {column: value}; DECIMAL comes as Decimal. For results of bounded size."""
    from tieout.connections import trino_connection

    connection = trino_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(sql)
        found = cursor.fetchall()
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in found]
    finally:
        connection.close()
