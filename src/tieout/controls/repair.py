"""Repair: the rows that drifted are read again, and what stands on them is built again.

Of a database table the drift is looked for in a fresh snapshot of the source. As soon as one table drifts, all tables
of the source are compared with that snapshot and brought to it, so that a payment and its allocations still agree, and
its totals take the place of those that the run had measured: the tie-out that follows is exact. The differing rows are
added to the run's batch in Bronze, as upserts or marks of deletion; a batch that is run again keeps them. Bronze is
then right, and for what came in files it always was: Silver's rows of those keys are taken out, and the models read all
that Bronze has of the keys, as a rebuild would (dbt/macros/repair.sql).

More differing rows than TIEOUT_REPAIR_LIMIT_ROWS in a table are no slip, and nothing is touched. lake.ops.repairs has
every row from the moment its repair begins until a run, that one or a later one, has built what stands on it: a repair
that broke off is finished by whichever try or run comes next. What is to be built again is therefore always read from
there, and not what the run at hand has found.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from tieout import connections
from tieout.batch import Batch
from tieout.bronze.schema import NAMESPACE, source_schema
from tieout.bronze.writer import DELETE, UPSERT, RepairWriter
from tieout.controls import ops
from tieout.controls.checksum import BRONZE, SILVER, Engine
from tieout.controls.drift import (
    MISSING_IN_LAKE,
    MISSING_IN_SOURCE,
    DifferingRow,
    Key,
    differing_deliveries,
    differing_rows,
)
from tieout.controls.literals import literal
from tieout.controls.totals import ROWS, silver_totals, source_totals
from tieout.errors import DriftError, ExtractionError, TransformationError
from tieout.extract.snapshot import Snapshot, exported_snapshot, reading_in
from tieout.settings import get_settings
from tieout.sources import TableSpec, load_source

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

log = logging.getLogger(__name__)

KEYS_LISTED = 100
BEGUN, REPAIRED, LEFT = "begun", "repaired", "left"
_ROWS_SHOWN = 3
_BETWEEN_VALUES = " / "
# The lines of rows whose repair was begun and that no run has repaired since. That a later comparison left the row as
# it is ends nothing: what stands on it was not built.
_UNFINISHED = (
    "(select * from (select *, max(if(status = 'repaired', recorded_at)) over (partition by source, entity, key) "
    f"as concluded_at from {ops.SCHEMA}.repairs) "
    "where status = 'begun' and (concluded_at is null or recorded_at > concluded_at))"
)
# A fact compares all its rows where it would look at those of written files only: what a row was before is in none.
_COMPARE_WHOLE = {"narrow_from_rows": 2**62}

# What dbt_build tells of each model.
Records = dict[str, dict[str, Any]]


def _unheard(records: Records) -> None:
    """For a build that nobody follows."""


def _nothing_more(batch: Batch) -> None:
    """For a repair on which nothing stands but the models."""


@dataclass(frozen=True)
class Repair:
    """A table's differing rows, as far as they were looked for, and when the source was read; None for files."""

    table: TableSpec
    rows: tuple[DifferingRow, ...]
    read_at: datetime | None = None

    def recorded(self, batch: Batch, status: str) -> list[ops.RepairRow]:
        """The rows for lake.ops.repairs."""
        table, at = self.table, None if status == LEFT else self.read_at
        return [
            ops.RepairRow(batch.run_id, batch.day, table.source, table.name, shown(row), row.kind, status, at)
            for row in self.rows
        ]

    def drift(self, batch: Batch) -> list[ops.DriftRow]:
        """The first rows for lake.ops.drift."""
        of = (batch.run_id, batch.day, self.table.source, self.table.name)
        return [ops.DriftRow(*of, shown(row), row.kind) for row in self.rows[:KEYS_LISTED]]


@dataclass(frozen=True)
class Unfinished:
    """A table's rows whose repair was begun, by whatever run, and concluded by none.

    rows: how many; kinds: how they differed; some: the first of them, each as its kind and key.
    """

    table: TableSpec
    rows: int
    kinds: frozenset[str]
    some: tuple[str, ...]


class TooMuchDrift(DriftError):
    """More rows differ than a run mends by itself. found: the tables that drift, with some of their rows."""

    def __init__(self, message: str, found: Sequence[Repair]):
        super().__init__(message)
        self.found = tuple(found)


def shown(row: DifferingRow) -> str:
    """A row's key for a person."""
    return _BETWEEN_VALUES.join(value or "" for value in row.key)


def read_rows_again(batch: Batch, tables: Sequence[TableSpec], drifting: Collection[TableSpec]) -> list[Unfinished]:
    """Put Bronze right; returns what `rebuild` must then build again, with what an earlier repair left unfinished.

    tables: every table that Silver has; drifting: those of them whose totals differ.
    Raises TooMuchDrift, with nothing touched but lake.ops.
    """
    limit = get_settings().repair_limit_rows
    looked_for = max(limit + 1, KEYS_LISTED)
    delivered = [table for table in drifting if table.kind == "landing"]
    found = [Repair(table, tuple(differing_deliveries(table, looked_for))) for table in delivered]
    with ExitStack() as stack:
        read: list[Repair] = []
        totals: list[ops.ControlTotal] = []
        if any(table.kind == "postgres" for table in drifting):
            connection, snapshot = stack.enter_context(exported_snapshot())
            of_source = [table for table in tables if table.kind == "postgres"]
            read, totals = _compare_with_source(batch, of_source, connection, snapshot, looked_for)
        found = [repair for repair in [*found, *read] if repair.rows]
        ops.record_drift([row for repair in found for row in repair.drift(batch)])
        _hold_to_limit(batch, found, limit)
        ops.record_repairs([row for repair in found for row in repair.recorded(batch, BEGUN)])
        for repair in read:
            if repair.rows:
                _write_to_bronze(batch, repair, connection, snapshot)
    ops.record_control_totals(totals)
    return unfinished(tables)


def unfinished(tables: Iterable[TableSpec]) -> list[Unfinished]:
    """What repairs have begun and none has concluded, of each of the tables of which there is any."""
    described = {(table.source, table.name): table for table in tables}
    rows = connections.query(
        "select source, entity, count(distinct key), array_agg(distinct kind), "
        f"slice(array_sort(array_agg(distinct kind || ' ' || key)), 1, {_ROWS_SHOWN}) "
        f"from {_UNFINISHED} group by 1, 2 order by 1, 2"
    )
    return [
        Unfinished(described[source, entity], count, frozenset(kinds), tuple(some))
        for source, entity, count, kinds, some in rows
        # A table that is no longer described has no model to build.
        if (source, entity) in described
    ]


def look_for_rows(tables: Iterable[TableSpec]) -> list[Repair]:
    """Some of the rows that differ, of each of the tables; nothing is changed."""
    tables = list(tables)
    with ExitStack() as stack:
        if any(table.kind == "postgres" for table in tables):
            connection, _ = stack.enter_context(exported_snapshot())
        return [
            Repair(
                table,
                tuple(
                    islice(differing_rows(connection, table), KEYS_LISTED)
                    if table.kind == "postgres"
                    else differing_deliveries(table, KEYS_LISTED)
                ),
            )
            for table in tables
        ]


def rebuild(
    batch: Batch,
    begun: Sequence[Unfinished],
    everything: bool = False,
    changed: Callable[[Records], None] = _unheard,
    afterwards: Callable[[Batch], None] = _nothing_more,
) -> Records:
    """Let Silver read these rows from Bronze again, build and test what stands on them, and record them as repaired.

    everything: all models, because a build before had failed. changed, and what is returned: as of `dbt_build`.
    afterwards: what else stands on the models; until it is done, the repair counts as begun.
    Raises DriftError when what stands on the repaired rows does not hold.
    """
    for repair in begun:
        _take_out_of_silver(repair.table)
    kinds = {kind for repair in begun for kind in repair.kinds}
    records = _build(batch, {repair.table for repair in begun}, kinds, everything, changed)
    afterwards(batch)
    _conclude(batch, [repair.table for repair in begun])
    for repair in begun:
        log.warning(
            "repaired %d %s of %s.%s: %s",
            *(
                repair.rows,
                "row" if repair.rows == 1 else "rows",
                repair.table.source,
                repair.table.name,
                ", ".join(repair.some) + (", …" if repair.rows > len(repair.some) else ""),
            ),
        )
    return records


def finish(batch: Batch, tables: Sequence[TableSpec], afterwards: Callable[[Batch], None] = _nothing_more) -> None:
    """Build what a repair had begun and not ended, in a try of this run or in another run; recorded as this run's.

    No comparison need tell of it: a row that is gone from the source is gone from Silver too, and a fact that is built
    from changed files alone still has it. afterwards: as of `rebuild`.
    """
    if begun := unfinished(tables):
        log.warning("finishing the repair of %s", ", ".join(f"{r.table.source}.{r.table.name}" for r in begun))
        rebuild(batch, begun, afterwards=afterwards)


def repaired_rows(batch: Batch) -> list[tuple[str, str, int]]:
    """(source, entity, rows that the run read again), of each table of which there are any."""
    newest = ops.latest("repairs", "source, entity, key", ops.of_run(batch.run_id, batch.day))
    return connections.query(
        f"select source, entity, count(*) from ({newest}) where status = '{REPAIRED}' group by 1, 2 order by 1, 2"
    )


def _compare_with_source(
    batch: Batch, tables: Sequence[TableSpec], connection: psycopg.Connection, snapshot: Snapshot, looked_for: int
) -> tuple[list[Repair], list[ops.ControlTotal]]:
    """Every table against the snapshot: the rows that differ, and the snapshot's totals."""

    def measured(table: TableSpec) -> list[ops.ControlTotal]:
        with reading_in(snapshot) as other:
            return source_totals(other, table, batch)

    with ThreadPoolExecutor(get_settings().extract_workers) as pool:
        held = pool.submit(silver_totals, tables)
        source = dict(zip(tables, pool.map(measured, tables), strict=True))
        silver = held.result()
    repairs = []
    for table in tables:
        values = {total.measure: total.value for total in source[table]}
        if any(values.get(name, 0) != silver[table].get(name, 0) for name in values.keys() | silver[table].keys()):
            rows = differing_rows(connection, table, int(max(values[ROWS], silver[table][ROWS])))
            repairs.append(Repair(table, tuple(islice(rows, looked_for)), snapshot.taken_at))
    return repairs, [total for totals in source.values() for total in totals]


def _hold_to_limit(batch: Batch, found: Sequence[Repair], limit: int) -> None:
    over = [repair for repair in found if len(repair.rows) > limit]
    if not over:
        return
    ops.record_repairs(
        [row for repair in found for row in replace(repair, rows=repair.rows[:KEYS_LISTED]).recorded(batch, LEFT)]
    )
    named = ", ".join(f"{repair.table.source}.{repair.table.name}" for repair in over)
    raise TooMuchDrift(
        f"more than {limit:,} rows of {named} differ, which is no slip, so nothing was repaired: look at the keys in "
        "lake.ops.drift. A filter, a restored backup or a rewritten table is put right where it was made; if the "
        "source is right as it is, raise TIEOUT_REPAIR_LIMIT_ROWS for one run",
        found,
    )


def _is_read_again(table: TableSpec, engine: Engine) -> str:
    """The condition that a row's key is among those whose repair was begun and not concluded.

    Keys are compared as lake.ops shows them: one that shows like another's is read again with it, which does no harm.
    """
    values = ", ".join(f"coalesce({value}, '')" for value in engine.key_values(table))
    return (
        f"concat_ws({literal(_BETWEEN_VALUES)}, {values}) in (select key from {_UNFINISHED} "
        f"where source = {literal(table.source)} and entity = {literal(table.name)})"
    )


def _write_to_bronze(batch: Batch, repair: Repair, connection: psycopg.Connection, snapshot: Snapshot) -> None:
    """Add the rows as the snapshot has them, and marks of deletion for those that it does not have."""
    from tieout.extract.postgres import read_again
    from tieout.extract.source_schema import carried_fields, check, read_source_tables

    table = repair.table
    carried = check(table, read_source_tables(connection, load_source(table.source)).get(table.name))
    there = [row.key for row in repair.rows if row.kind != MISSING_IN_SOURCE]
    with RepairWriter(table, batch, snapshot.taken_at, carried_fields(carried), threads=1) as writer:
        read = 0
        for rows in read_again(table, carried, there, snapshot):
            writer.write(rows)
            read += rows.num_rows
        if read != len(there):
            raise ExtractionError(
                f"{table.source}.{table.name}: {len(there)} rows were to be read again and {read} came, from one "
                "snapshot; nothing was written. Run the day again"
            )
        if len(there) < len(repair.rows):
            gone = {row.key for row in repair.rows if row.kind == MISSING_IN_SOURCE}
            for keys in _known_keys(table, gone):
                writer.write(keys, op=DELETE)


def _known_keys(table: TableSpec, gone: Collection[Key]) -> Iterator[pa.RecordBatch]:
    """The keys, of those that are gone, of which Bronze ever held a row: what it never held needs no mark."""
    import pyarrow as pa

    described = source_schema(table)
    schema = pa.schema([described.field(name) for name in table.key])
    names = ", ".join(f'"{name}"' for name in table.key)
    texts = ", ".join(BRONZE.key_values(table))
    rows = connections.query(
        f"select distinct {texts}, {names} from lake.{NAMESPACE}.{table.identifier} "
        f"where _op = '{UPSERT}' and {_is_read_again(table, BRONZE)}"
    )
    width = len(table.key)
    values = [row[width:] for row in rows if tuple(row[:width]) in gone]
    if values:
        columns = [
            pa.array(column, field.type) for column, field in zip(zip(*values, strict=True), schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _take_out_of_silver(table: TableSpec) -> None:
    connections.execute(f"delete from {table.silver} where {_is_read_again(table, SILVER)}")


def _build(
    batch: Batch,
    tables: Collection[TableSpec],
    kinds: Collection[str],
    everything: bool = False,
    changed: Callable[[Records], None] = _unheard,
) -> Records:
    from tieout.orchestration.dbt_build import dbt_build

    reread = {table.identifier: _is_read_again(table, BRONZE) for table in tables}
    variables = {"reread": reread} | (_COMPARE_WHOLE if set(kinds) - {MISSING_IN_LAKE} else {})
    select = [] if everything else [f"{table.silver.rpartition('.')[2]}+" for table in tables]
    try:
        return dbt_build(batch, select, changed, variables=variables)
    except TransformationError as error:
        if error.passing:
            raise
        raise DriftError(f"the rows that differed were read again, and what is built on them fails: {error}") from error


def _conclude(batch: Batch, tables: Sequence[TableSpec]) -> None:
    """Record the unfinished rows of the tables as repaired by this run, each with when the source was read for it."""
    named = ", ".join(literal(f"{table.source}.{table.name}") for table in tables)
    ops.insert(
        f"insert into {ops.SCHEMA}.repairs "
        "(run_id, batch, source, entity, key, kind, status, repaired_at, recorded_at) "
        f"select {literal(batch.run_id)}, {literal(batch.day)}, source, entity, key, max_by(kind, recorded_at), "
        f"{literal(REPAIRED)}, max_by(repaired_at, recorded_at), {literal(datetime.now(UTC))} "
        f"from {_UNFINISHED} where source || '.' || entity in ({named}) group by source, entity, key"
    )
