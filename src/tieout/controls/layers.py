"""What each layer of the lake holds, measured for tie-out: one Trino query a question, whatever the number of tables.

Nothing here judges; tie_out compares.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from tieout import connections
from tieout.batch import Batch
from tieout.controls.checksum import BRONZE, key_columns
from tieout.controls.literals import identifier, literal
from tieout.controls.ops import latest, of_run
from tieout.controls.totals import measures, select_totals
from tieout.sources import TableSpec

# The losing version of a conflict is in Bronze too; every other reason means that the line is not.
CONFLICT = "conflicting_duplicate"
QUARANTINE = "lake.bronze.quarantine"
# Schema of Gold as it was just built.
CANDIDATE = "gold_candidate"

# The table, and the delivered file or None for a database table.
Part = tuple[str, str, str | None]


@dataclass(frozen=True)
class Outcome:
    """What extraction says it did with one table or file, added up over the parts of a run."""

    seen: int
    kept: int
    quarantined: int
    deleted: int


@dataclass(frozen=True)
class Held:
    """What Bronze holds of one table or file and batch: rows by kind, and lines that were kept out or lost."""

    upserts: int = 0
    deletes: int = 0
    quarantined: int = 0
    conflicts: int = 0


def relations() -> set[str]:
    """Every table of the lake as lake.<schema>.<table>."""
    rows = connections.query(
        "select table_schema, table_name from lake.information_schema.tables "
        f"where table_schema in ('bronze', 'silver', {literal(CANDIDATE)}) and table_type = 'BASE TABLE'"
    )
    return {f"lake.{schema}.{table}" for schema, table in rows}


def recorded_source_totals(batch: Batch) -> dict[tuple[str, str], dict[str, Decimal]]:
    """{(source, entity): {measure: value}} as this run's extraction recorded them."""
    condition = f"{of_run(batch.run_id, batch.day)} and layer = 'source'"
    found: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    totals = latest("control_totals", "source, entity", condition)
    for source, entity, measure, value in connections.query(f"select source, entity, measure, value from ({totals})"):
        found[source, entity][measure] = value
    return dict(found)


def recorded_outcomes(batch: Batch) -> dict[Part, Outcome]:
    """What this run's extraction says of every table and file that it loaded."""
    outcomes = latest("table_outcomes", "source, entity", of_run(batch.run_id, batch.day))
    rows = connections.query(
        "select source, entity, file, sum(rows_seen), sum(rows_kept), sum(rows_quarantined), sum(rows_deleted) "
        f"from ({outcomes}) where status = 'loaded' group by source, entity, file"
    )
    return {(source, entity, file): Outcome(*counts) for source, entity, file, *counts in rows}


def held_in_bronze(tables: Sequence[TableSpec], batch: Batch, present: set[str]) -> dict[Part, Held]:
    """What Bronze and the quarantine hold of the batch; parts of which there is nothing are absent.

    present: the tables that the lake has, as `relations` gives them.
    """
    selects = [
        f"select {literal(table.source)} as source, {literal(table.name)} as entity, {_file(table)} as file, "
        "count_if(_op = 'upsert') as upserts, count_if(_op = 'delete') as deletes, 0 as quarantined, 0 as conflicts "
        f"from {table.bronze} where _batch = {literal(batch.day)} group by {'3' if table.kind == 'landing' else '()'}"
        for table in tables
        if table.bronze in present
    ]
    if QUARANTINE in present:
        selects.append(
            "select source, entity, file, 0, 0, count(*), "
            f"count_if(reason_code = {literal(CONFLICT)}) from {QUARANTINE} "
            f"where _batch = {literal(batch.day)} group by 1, 2, 3"
        )
    if not selects:
        return {}
    rows = connections.query(
        "select source, entity, file, sum(upserts), sum(deletes), sum(quarantined), sum(conflicts) "
        f"from ({' union all '.join(selects)}) group by 1, 2, 3"
    )
    return {(source, entity, file): Held(*counts) for source, entity, file, *counts in rows}


def newest_totals(tables: Sequence[TableSpec]) -> dict[TableSpec, dict[str, Decimal]]:
    """{table: {measure: value}} of the newest version of every key in Bronze, for tables that come in files."""
    if not tables:
        return {}
    width = max(len(table.money) for table in tables)
    selects = [
        f"select {number} as number, t.* from "
        f"({select_totals(table, BRONZE, f'({_newest_versions(table)})', width=width)}) t"
        for number, table in enumerate(tables)
    ]
    rows = connections.query(" union all ".join(selects))
    return {
        table: measures(table, [row[1:] for row in rows if row[0] == number]) for number, table in enumerate(tables)
    }


def candidate_snapshots(schema: str = CANDIDATE) -> dict[str, int]:
    """{table: current snapshot id} of every table of the schema that was ever written."""
    tables = connections.query(
        "select table_name from lake.information_schema.tables "
        f"where table_schema = {literal(schema)} and table_type = 'BASE TABLE' order by 1"
    )
    if not tables:
        return {}
    selects = [
        f"select {literal(table)}, snapshot_id from lake.{schema}.{identifier(table + '$refs')} where name = 'main'"
        for (table,) in tables
    ]
    return dict(connections.query(" union all ".join(selects)))


def _newest_versions(table: TableSpec) -> str:
    """The last delivered version of every key. Silver finds it by a window; this is a second way to the same."""
    keys = [identifier(column.name) for column in key_columns(table)]
    others = [column for column in table.columns if column.name not in table.key]
    values = ", ".join(identifier(column.name) for column in others)
    newest = f"max_by(row({values}), row(_file, _line)) as newest"
    # Silver writes currencies in capitals, whatever the delivery does; nothing else of a value is changed.
    fields = [
        f"{f'upper(newest[{position}])' if column.name == table.currency else f'newest[{position}]'} "
        f"as {identifier(column.name)}"
        for position, column in enumerate(others, start=1)
    ]
    selected = ", ".join(keys)
    return (
        f"select {', '.join([*keys, *fields])} from "
        f"(select {selected}, {newest} from {table.bronze} group by {selected})"
    )


def _file(table: TableSpec) -> str:
    return "_file" if table.kind == "landing" else "cast(null as varchar)"
