"""What each layer of the lake holds, measured for tie-out: one Trino query a question, whatever the number of tables.

Nothing here judges; tie_out compares.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tieout import connections
from tieout.batch import Batch
from tieout.controls.checksum import BRONZE, HASH, key_columns
from tieout.controls.literals import identifier, literal
from tieout.controls.ops import latest, of_run
from tieout.controls.totals import measures, totals_of_hashed, united
from tieout.sources import TableSpec

# The losing version of a conflict is in Bronze too; every other reason means that the line is not.
CONFLICT = "conflicting_duplicate"
QUARANTINE = "lake.bronze.quarantine"
# Schema of Gold as it was just built.
CANDIDATE = "gold_candidate"

# Tables asked for in one query. One with repeated keys takes over ten of the 150 stages that Trino allows.
_NEWEST_AT_ONCE, _REPEATED_AT_ONCE = 8, 40

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


def repair_times(batch: Batch) -> dict[tuple[str, str], tuple[datetime, ...]]:
    """{(source, entity): when repairs of the batch read rows again}: the _extracted_at of their rows in Bronze."""
    times: dict[tuple[str, str], tuple[datetime, ...]] = defaultdict(tuple)
    rows = connections.query(
        "select distinct source, entity, repaired_at from lake.ops.repairs "
        f"where batch = {literal(batch.day)} and repaired_at is not null order by 1, 2, 3"
    )
    for source, entity, time in rows:
        times[source, entity] += (time,)
    return times


def extracted(batch: Batch, repaired: Sequence[datetime]) -> str:
    """The condition on a Bronze table's rows that extraction brought in the batch, and no repair of it."""
    condition = f"_batch = {literal(batch.day)}"
    return condition + (f" and _extracted_at not in ({', '.join(map(literal, repaired))})" if repaired else "")


def held_in_bronze(tables: Sequence[TableSpec], batch: Batch, present: set[str]) -> dict[Part, Held]:
    """What Bronze and the quarantine hold of the batch, without repairs; parts of which there is nothing are absent.

    present: the tables that the lake has, as `relations` gives them.
    """
    repaired = repair_times(batch)
    selects = [
        f"select {literal(table.source)} as source, {literal(table.name)} as entity, {_file(table)} as file, "
        "count_if(_op = 'upsert') as upserts, count_if(_op = 'delete') as deletes, 0 as quarantined, 0 as conflicts "
        f"from {table.bronze} where {extracted(batch, repaired[table.source, table.name])} "
        f"group by {'3' if table.kind == 'landing' else '()'}"
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
    """{table: {measure: value}} of the newest version of every key in Bronze, for tables that come in files.

    It measures every batch that Bronze holds, and so proves all of Silver's table, whatever a run changed. Finding the
    newest version is what costs: keys are counted by a number that stands for them, and only of those that came more
    than once versions are compared, each as its row's checksum number and money. All other rows pass by once.
    """
    if not tables:
        return {}
    repeating = _with_repeated_keys(tables)
    width = max(len(table.money) for table in tables)
    selects = [
        f"select {number} as number, t.* from "
        f"({totals_of_hashed(table, BRONZE, _newest(table, table in repeating), width)}) t"
        for number, table in enumerate(tables)
    ]
    rows = united(selects, _NEWEST_AT_ONCE)
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


def _with_repeated_keys(tables: Sequence[TableSpec]) -> set[TableSpec]:
    """The tables of which a key came more than once (or two keys have one number, which does no harm)."""
    selects = [f"select {number} from ({_repeated(table)}) having count(*) > 0" for number, table in enumerate(tables)]
    return {tables[number] for (number,) in united(selects, _REPEATED_AT_ONCE)}


def _newest(table: TableSpec, repeating: bool) -> str:
    """The relation of each key's last delivered version: its row's number, currency and money.

    Silver finds it by ranking all versions; this is a second way to the same. A file that is replaced after it was
    taken is delivered once more under its name, so the later extraction counts.
    """
    columns = [HASH]
    columns += [identifier(column.name) for column in table.columns if column.name == table.currency or column.money]
    versions = f"{_versions(table)} as versions"
    if not repeating:
        return BRONZE.hashed(table, versions)
    repeated, number = f"({_repeated(table)})", _key_number(table)
    key = ", ".join(identifier(name) for name in table.key)
    fields = ", ".join(f"newest[{at}] as {name}" for at, name in enumerate(columns, start=1))
    last = f"max_by(row({', '.join(columns)}), row(_file, _extracted_at, _line))"
    return (
        f"(select {', '.join(columns)} from {BRONZE.hashed(table, versions, f'{number} not in {repeated}')} union all "
        f"select {fields} from (select {last} as newest "
        f"from {BRONZE.hashed(table, versions, f'{number} in {repeated}')} group by {key}))"
    )


def newest_versions(table: TableSpec) -> str:
    """A query of each key's last delivered version, all its columns: what single rows of Silver are held against."""
    keys = ", ".join(identifier(name) for name in table.key)
    others = [identifier(column.name) for column in table.columns if column.name not in table.key]
    if not others:
        return f"select distinct {keys} from {_versions(table)}"
    newest = f"max_by(row({', '.join(others)}), row(_file, _extracted_at, _line)) as newest"
    fields = ", ".join(f"newest[{at}] as {name}" for at, name in enumerate(others, start=1))
    return f"select {keys}, {fields} from (select {keys}, {newest} from {_versions(table)} group by {keys})"


def _versions(table: TableSpec) -> str:
    """All rows of Bronze, as Silver writes them: currencies in capitals, whatever the delivery does."""
    columns = [
        f"upper({identifier(c.name)}) as {identifier(c.name)}" if c.name == table.currency else identifier(c.name)
        for c in table.columns
    ]
    return f"(select {', '.join(columns)}, _file, _line, _extracted_at from {table.bronze})"


def _repeated(table: TableSpec) -> str:
    """The numbers of keys that occur more than once."""
    number = _key_number(table)
    return f"select {number} from {table.bronze} group by {number} having count(*) > 1"


def _key_number(table: TableSpec) -> str:
    """An expression of a bigint, the same for equal keys and never NULL: it is cheaper to count than a text."""
    columns = key_columns(table)
    if len(columns) == 1 and columns[0].type in ("bigint", "integer"):
        return f"coalesce(cast({identifier(columns[0].name)} as bigint), 0)"
    return f"from_big_endian_64(xxhash64(to_utf8({BRONZE.row_text(columns)})))"


def _file(table: TableSpec) -> str:
    return "_file" if table.kind == "landing" else "cast(null as varchar)"
