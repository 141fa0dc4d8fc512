"""Control totals of a table: rows, the sum of each money column per currency, and the checksum. One scan each.

`source_totals` measures a Postgres table inside the caller's transaction, so that it sees the snapshot that was
extracted; `silver_totals` measures any number of Silver tables in few Trino queries, because on small tables a query's
own cost is most of it. Measures carry the source's column names, so both sides name the same thing alike.

A table that is tied out by changed months is measured month by month, and a measure's name then ends with its month, as
in `rows@2026-11`; `months` says how many were measured.

Sums are exact: they are taken as DECIMAL(38,4) by the engines and added up here in a context wide enough for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import TYPE_CHECKING

from tieout import connections
from tieout.batch import Batch
from tieout.controls.checksum import HASH, POSTGRES, SILVER, Engine
from tieout.controls.literals import identifier, literal
from tieout.controls.ops import ControlTotal
from tieout.errors import ConfigError
from tieout.sources import DELETED, TableSpec

if TYPE_CHECKING:
    import psycopg

ROWS, CHECKSUM, MONTHS = "rows", "checksum", "months"
# Stands for the currency: of a table that has no currency column, and of rows whose currency is NULL.
NO_CURRENCY, NULL_CURRENCY = "*", "(none)"
# Scale of every recorded value; decimal(38,4) holds a checksum of 10^15 rows.
MONEY_SCALE = 4
_DIGITS = 60

# Which months of a table are measured, as YYYY-MM; None is the whole table.
Months = tuple[str, ...] | None
_WHOLE: Mapping[TableSpec, Months] = MappingProxyType({})
# A table's totals take two or three of the 150 stages that Trino allows a query.
_TOTALS_AT_ONCE = 40


def source_totals(
    connection: psycopg.Connection, table: TableSpec, batch: Batch, months: Months = None
) -> list[ControlTotal]:
    """The totals of a Postgres table as `connection`'s transaction sees it, ready to be recorded."""
    relation = f"{identifier(table.schema)}.{identifier(table.name)}"
    rows = connection.execute(select_totals(table, POSTGRES, relation, months=months)).fetchall()
    return control_totals(table, batch, "source", measures(table, rows, months))


def silver_totals(
    tables: Sequence[TableSpec], months: Mapping[TableSpec, Months] = _WHOLE
) -> dict[TableSpec, dict[str, Decimal]]:
    """{table: {measure: value}} of the rows that the source should have, of all tables in few Trino queries.

    months: of tables that are measured by month.
    """
    if not tables:
        return {}
    width = max(len(table.money) for table in tables)
    selects = []
    for number, table in enumerate(tables):
        select = select_totals(table, SILVER, table.silver, held_in_silver(table), width, months.get(table))
        selects.append(f"select {number} as number, t.* from ({select}) t")
    rows = united(selects, _TOTALS_AT_ONCE)
    return {
        table: measures(table, [row[1:] for row in rows if row[0] == number], months.get(table))
        for number, table in enumerate(tables)
    }


def held_in_silver(table: TableSpec) -> str:
    """The condition on Silver's rows that the source should have too: without those that it has deleted, unless their
    deletion came as a row of a file, which is compared like any other.
    """
    return "true" if any(column.marks_deletion for column in table.columns) else f"{DELETED} = false"


def united(selects: Sequence[str], at_once: int) -> list[tuple]:
    """The rows of all selects, asked as one query for so many of them at once: few queries, none too large to plan."""
    return [
        row
        for start in range(0, len(selects), at_once)
        for row in connections.query(" union all ".join(selects[start : start + at_once]))
    ]


def measured_months(totals: Mapping[str, Decimal]) -> Months:
    """The months whose measures are among these; None where the table was measured whole."""
    if MONTHS not in totals:
        return None
    return tuple(sorted({measure.rpartition("@")[2] for measure in totals if measure != MONTHS}))


def select_totals(
    table: TableSpec,
    engine: Engine,
    relation: str,
    where: str = "true",
    width: int = 0,
    months: Months = None,
) -> str:
    """The query of one table's totals: a row per month and currency of (month, currency, rows, checksum, a sum per
    money column).

    width: fill up with NULLs to this many sums, so that the queries of several tables can be united. months: measure
    these, all in one scan; without, the month is NULL.
    """
    if months is not None:
        of_months = " or ".join(f"({engine.of_month(table, month)})" for month in months) or "false"
        where = f"{where} and ({of_months})"
    return totals_of_hashed(table, engine, engine.hashed(table, relation, where), width, months is not None)


def totals_of_hashed(table: TableSpec, engine: Engine, hashed: str, width: int = 0, by_month: bool = False) -> str:
    """The same of a relation whose rows have their number beside them, as HASH."""
    for column in table.money:
        if column.numeric and column.numeric[1] > MONEY_SCALE:
            raise ConfigError(
                f"{table.source}.{table.name}.{column.name} is money of type {column.type}: control totals keep "
                f"{MONEY_SCALE} digits after the point; declare at most numeric(p,{MONEY_SCALE})"
            )
    month = engine.month(table) if by_month else "cast(null as varchar)"
    currency = literal(NO_CURRENCY)
    if table.currency:
        spec = table.column(table.currency)
        currency = f"coalesce({engine.text(spec, identifier(engine.column_name(spec)))}, {literal(NULL_CURRENCY)})"
    sums = [
        f"coalesce(sum(cast({identifier(engine.column_name(column))} as decimal(38,{MONEY_SCALE}))), 0)"
        for column in table.money
    ]
    sums += [f"cast(null as decimal(38,{MONEY_SCALE}))"] * (width - len(sums))
    selected = ", ".join([month, currency, "count(*)", engine.total(HASH), *sums])
    groups = [number for number, is_group in (("1", by_month), ("2", table.currency)) if is_group]
    return f"select {selected} from {hashed} group by {', '.join(groups) or '()'}"


def measures(table: TableSpec, rows: Iterable[Sequence], months: Months = None) -> dict[str, Decimal]:
    """{measure: value} from the rows of `select_totals`, which measured these months."""
    totals = {} if months is None else {MONTHS: Decimal(len(months))}
    for suffix in [""] if months is None else [f"@{month}" for month in months]:
        totals |= {f"{ROWS}{suffix}": Decimal(0), f"{CHECKSUM}{suffix}": Decimal(0)}
    with localcontext(prec=_DIGITS):
        for month, currency, count, checksum, *sums in rows:
            suffix = f"@{month}" if month else ""
            totals[f"{ROWS}{suffix}"] += count
            totals[f"{CHECKSUM}{suffix}"] += checksum
            for column, value in zip(table.money, sums, strict=False):
                totals[f"sum:{column.name}:{currency}{suffix}"] = value
    return totals


def control_totals(table: TableSpec, batch: Batch, layer: str, values: dict[str, Decimal]) -> list[ControlTotal]:
    """The measures of a table's layer as rows of ops.control_totals."""
    return [
        ControlTotal(batch.run_id, batch.day, layer, table.source, table.name, measure, value)
        for measure, value in values.items()
    ]
