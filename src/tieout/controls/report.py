"""What a run's tie-out found, for a person: the verb `tieout tie-out`."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from tieout import connections
from tieout.batch import Batch
from tieout.controls.literals import literal
from tieout.controls.ops import SCHEMA, TieOut
from tieout.controls.repair import KEYS_LISTED, repaired_rows
from tieout.controls.tie_out import DRIFT


def show(day: str | None = None) -> int:
    """Print the last tie-out (of a day, given as YYYY-MM-DD); returns 0 if all tied, 1 on drift or if there is none."""
    from rich.console import Console

    console = Console()
    comparisons = last_tie_out(Batch.of(day, "").day if day else None)
    if not comparisons:
        of_day = f" of {day}" if day else ""
        console.print(
            f"There is no tie-out{of_day}: run the day first, as in `tieout run --date {day or '2026-11-20'}`.",
            soft_wrap=True,
        )
        return 1
    drifts = [row for row in comparisons if row.status == DRIFT]
    console.print(_table(comparisons))
    first = comparisons[0]
    for source, entity, rows in repaired_rows(Batch.of(first.batch, first.run_id)):
        count = f"{rows:,} {'row' if rows == 1 else 'rows'}"
        console.print(f"[yellow]repaired {count} of {source}.{entity}[/]: read again, because they differed.")
    if drifts:
        console.print(f"[bold red]{len(drifts)} of {len(comparisons)} comparisons drift:[/] nothing was published.")
        console.print(
            f"The keys (up to {KEYS_LISTED} a table): select * from {SCHEMA}.drift "
            f"where run_id = {literal(first.run_id)} and batch = {literal(first.batch)}",
            soft_wrap=True,
        )
        return 1
    console.print(f"[bold green]All {len(comparisons)} comparisons tie.[/]")
    return 0


def last_tie_out(day: date | None) -> list[TieOut]:
    """The comparisons of the tie-out that was recorded last (of a day), in the order in which the data flows."""
    columns = (
        "run_id, batch, check_name, left_layer, right_layer, source, entity, measure, left_value, right_value, "
        "difference, status, recorded_at"
    )
    where = f"batch = {literal(day)}" if day else "true"
    rows = connections.query(
        f"select {columns} from (select *, max(recorded_at) over () as newest from {SCHEMA}.tie_out where {where}) "
        "where recorded_at = newest"
    )
    order = ("source_silver", "outcome_bronze", "bronze_silver")
    return sorted(
        (TieOut(*row) for row in rows),
        key=lambda row: (
            order.index(row.check_name) if row.check_name in order else len(order),
            row.source,
            row.entity,
            row.check_name,
            row.measure,
        ),
    )


def _table(comparisons: list[TieOut]):
    """One line per compared table where all ties, one per measure where it drifts."""
    from rich.table import Table

    first = comparisons[0]
    table = Table(
        title=f"Tie-out of {first.batch}, run {first.run_id}, {first.recorded_at:%Y-%m-%d %H:%M:%S} UTC",
        title_justify="left",
    )
    for heading, justify in (
        ("layers", "left"),
        ("table", "left"),
        ("check", "left"),
        ("measures", "left"),
        ("left", "right"),
        ("right", "right"),
        ("difference", "right"),
        ("", "left"),
    ):
        table.add_column(heading, justify=justify, overflow="fold")
    groups: dict[tuple[str, str, str], list[TieOut]] = {}
    for row in comparisons:
        groups.setdefault((row.check_name, row.source, row.entity), []).append(row)
    for rows in groups.values():
        drifts = [row for row in rows if row.status == DRIFT]
        for row in drifts:
            numbers = (_number(row.left_value), _number(row.right_value), _number(row.difference))
            table.add_row(*_what(row), row.measure, *numbers, "[bold red]drift[/]")
        if len(rows) > len(drifts):
            tied = f"{len(rows) - len(drifts)} tied"
            table.add_row(*_what(rows[0]), tied, *_rows(rows), "0", "[green]tied[/]")
    return table


def _rows(rows: list[TieOut]) -> tuple[str, str]:
    """How many rows stand behind a group of comparisons, left and right; empty where none of them counts rows."""
    counts = [row for row in rows if re.split("[:@]", row.measure)[0] in ("rows", "rows_kept")]
    if not counts:
        return "", ""
    return (
        f"{sum(row.left_value or 0 for row in counts):,.0f} rows",
        f"{sum(row.right_value or 0 for row in counts):,.0f}",
    )


def _what(row: TieOut) -> tuple[str, str, str]:
    return f"{row.left_layer} = {row.right_layer}", f"{row.source}.{row.entity}", row.check_name


def _number(value: Decimal | None) -> str:
    if value is None:
        return "none"
    return f"{value:,.0f}" if value == value.to_integral_value() else f"{value:,.4f}"
