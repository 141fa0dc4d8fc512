"""Control totals of a table: rows, the sum of each money column per currency, and the checksum. One scan each.

`source_totals` measures a Postgres table inside the caller's transaction, so that it sees the snapshot that was
extracted; `silver_totals` measures any number of Silver tables in one Trino query, because on small tables a query's
own cost is most of it. Measures carry the source's column names, so both sides name the same thing alike.

Sums are exact: they are taken as DECIMAL(38,4) by the engines and added up here in a context wide enough for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from tieout import connections
from tieout.batch import Batch
from tieout.controls.checksum import POSTGRES, SILVER, Engine
from tieout.controls.literals import identifier, literal
from tieout.controls.ops import ControlTotal
from tieout.errors import ConfigError
from tieout.sources import TableSpec

if TYPE_CHECKING:
    import psycopg

ROWS, CHECKSUM = "rows", "checksum"
# Stands for the currency: of a table that has no currency column, and of rows whose currency is NULL.
NO_CURRENCY, NULL_CURRENCY = "*", "(none)"
# Scale of every recorded value; decimal(38,4) holds a checksum of 10^15 rows.
MONEY_SCALE = 4
_DIGITS = 60


def source_totals(connection: psycopg.Connection, table: TableSpec, batch: Batch) -> list[ControlTotal]:
    """The totals of a Postgres table as `connection`'s transaction sees it, ready to be recorded."""
    relation = f"{identifier(table.schema)}.{identifier(table.name)}"
    rows = connection.execute(select_totals(table, POSTGRES, relation)).fetchall()
    return control_totals(table, batch, "source", measures(table, rows))


def silver_totals(tables: Sequence[TableSpec]) -> dict[TableSpec, dict[str, Decimal]]:
    """{table: {measure: value}} of the rows that are not deleted, of all tables in one Trino query."""
    if not tables:
        return {}
    selects = []
    width = max(len(table.money) for table in tables)
    for number, table in enumerate(tables):
        select = select_totals(table, SILVER, table.silver, "not is_deleted", width)
        selects.append(f"select {number} as number, t.* from ({select}) t")
    rows = connections.query(" union all ".join(selects))
    return {
        table: measures(table, [row[1:] for row in rows if row[0] == number]) for number, table in enumerate(tables)
    }


def select_totals(table: TableSpec, engine: Engine, relation: str, where: str = "true", width: int = 0) -> str:
    """The query of one table's totals: a row per currency of (currency, rows, checksum, a sum per money column).

    width: fill up with NULLs to this many sums, so that the queries of several tables can be united.
    """
    for column in table.money:
        if column.numeric and column.numeric[1] > MONEY_SCALE:
            raise ConfigError(
                f"{table.source}.{table.name}.{column.name} is money of type {column.type}: control totals keep "
                f"{MONEY_SCALE} digits after the point; declare at most numeric(p,{MONEY_SCALE})"
            )
    currency = literal(NO_CURRENCY)
    if table.currency:
        spec = table.column(table.currency)
        currency = f"coalesce({engine.text(spec, identifier(engine.column_name(spec)))}, {literal(NULL_CURRENCY)})"
    sums = [
        f"coalesce(sum(cast({identifier(engine.column_name(column))} as decimal(38,{MONEY_SCALE}))), 0)"
        for column in table.money
    ]
    sums += [f"cast(null as decimal(38,{MONEY_SCALE}))"] * (width - len(sums))
    selected = ", ".join([currency, "count(*)", engine.checksum(table), *sums])
    return f"select {selected} from {relation} where {where} group by {'1' if table.currency else '()'}"


def measures(table: TableSpec, rows: Iterable[Sequence]) -> dict[str, Decimal]:
    """{measure: value} from the rows of `select_totals`."""
    totals = {ROWS: Decimal(0), CHECKSUM: Decimal(0)}
    with localcontext(prec=_DIGITS):
        for currency, count, checksum, *sums in rows:
            totals[ROWS] += count
            totals[CHECKSUM] += checksum
            for column, value in zip(table.money, sums, strict=False):
                totals[f"sum:{column.name}:{currency}"] = value
    return totals


def control_totals(table: TableSpec, batch: Batch, layer: str, values: dict[str, Decimal]) -> list[ControlTotal]:
    """The measures of a table's layer as rows of ops.control_totals."""
    return [
        ControlTotal(batch.run_id, batch.day, layer, table.source, table.name, measure, value)
        for measure, value in values.items()
    ]
