"""The app database to Bronze: every table of a run from one exported snapshot.

A coordinating connection exports its snapshot; parallel connections read in it, so that a payment and its allocations
always agree. Control totals are taken in the same snapshot, which is what lets tie-out be exact. A table that does not
fit its description, or cannot be read to its end, writes nothing, and the other tables go on.

Window: an incremental table is read from the earlier of the data interval's start and the last batch before it, less
an overlap, so that no day without a run leaves a gap. A table of which no earlier batch exists is read whole, also when
the batch that read it whole is run again: the batches together always suffice to build Silver anew.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock

import pyarrow as pa

from tieout.batch import Batch
from tieout.bronze.schema import source_schema
from tieout.bronze.writer import DELETE, BatchWriter
from tieout.controls import ops
from tieout.controls.checksum import key_columns
from tieout.controls.layers import repair_times
from tieout.controls.literals import identifier, literal
from tieout.controls.scope import changed_months, whole_is_due
from tieout.controls.totals import source_totals
from tieout.errors import ExtractionError, SchemaError, TieoutError
from tieout.extract.copy import copy
from tieout.extract.deletes import deleted_keys
from tieout.extract.memory import leave_pandas_out
from tieout.extract.snapshot import Snapshot, exported_snapshot, reading_in
from tieout.extract.source_schema import SourceTable, carried_fields, check, read_source_tables
from tieout.settings import get_settings
from tieout.sources import ColumnSpec, TableSpec, load_source

log = logging.getLogger(__name__)

SOURCE = "app_db"

# One table's rows stream at a time: a stream keeps several cores busy by itself, and two would need memory twice.
# Totals, key passes and commits of other tables go on beside it.
_STREAM = Lock()

# Linux takes 128 KiB as one argument.
_CONDITION_BYTES = 64 * 1024

# The text of each key column, as checksums write it.
Key = tuple[str | None, ...]


def extract_app_db(batch: Batch) -> list[ops.TableOutcome]:
    """Read every table of the app database into its Bronze batch; one outcome row a table is recorded.

    Raises SchemaError when a table is not as described and ExtractionError when one could not be read, after all
    other tables have been written.
    """
    leave_pandas_out()
    source = load_source(SOURCE)
    due, repaired = whole_is_due(batch, source.tables), repair_times(batch)
    with exported_snapshot() as (connection, snapshot):
        found = read_source_tables(connection, source)

        def work(table: TableSpec) -> tuple[ops.TableOutcome, list[ops.ControlTotal], TieoutError | None]:
            kept = repaired[table.source, table.name]
            return _extract_table(table, found.get(table.name), batch, snapshot, kept, table in due)

        # Large tables first would be better still, but their sizes are not known before they are read.
        with ThreadPoolExecutor(get_settings().extract_workers) as pool:
            results = list(pool.map(work, source.tables))
    outcomes = [outcome for outcome, _, _ in results]
    ops.record_control_totals([total for _, totals, _ in results for total in totals])
    ops.record_outcomes(outcomes)
    failures = [error for _, _, error in results if error]
    if failures:
        kind = SchemaError if all(isinstance(error, SchemaError) for error in failures) else ExtractionError
        raise kind("\n".join(str(error) for error in failures))
    return outcomes


def read_again(
    table: TableSpec, carried: tuple[ColumnSpec, ...], keys: Sequence[Key], snapshot: Snapshot
) -> Iterator[pa.RecordBatch]:
    """The rows of these keys, by the source's index on the key."""
    for condition in _key_conditions(table, keys):
        yield from copy(_select(table, carried, condition), _schema(table, carried), snapshot.name)


def _extract_table(
    table: TableSpec,
    found: SourceTable | None,
    batch: Batch,
    snapshot: Snapshot,
    repaired: Sequence[datetime],
    whole: bool,
) -> tuple[ops.TableOutcome, list[ops.ControlTotal], TieoutError | None]:
    """Never raises a named failure: it is handed back, so that the other tables go on and its outcome is recorded."""
    started = time.monotonic()
    rows = deleted = size = 0
    reason, totals, failure = None, [], None
    try:
        carried = check(table, found)
        with BatchWriter(table, batch, snapshot.taken_at, carried_fields(carried), repaired=repaired) as writer:
            since = _window_start(table, batch, writer.last_extraction_before(batch.day))
            with _STREAM:
                for rows_read in copy(
                    _select(table, carried, _window(table, since)), _schema(table, carried), snapshot.name
                ):
                    writer.write(rows_read)
                    rows += rows_read.num_rows
            for keys in deleted_keys(table, batch, snapshot, since):
                writer.write(keys, op=DELETE)
                deleted += keys.num_rows
        size = writer.written.bytes
        months = None if whole or since is None else changed_months(table, batch)
        with reading_in(snapshot) as connection:
            totals = source_totals(connection, table, batch, months)
        if carried:
            reason = "carried columns that config/sources does not describe: " + ", ".join(c.name for c in carried)
    except TieoutError as error:
        failure = type(error)(f"{table.source}.{table.name}: {error}" if table.name not in str(error) else str(error))
        reason, rows, deleted = str(failure), 0, 0
    outcome = ops.TableOutcome(
        run_id=batch.run_id,
        batch=batch.day,
        source=table.source,
        entity=table.name,
        file=None,
        status="failed" if failure else "loaded",
        rows_seen=rows,
        rows_kept=rows,
        rows_quarantined=0,
        rows_deleted=deleted,
        bytes=size,
        seconds=Decimal(str(round(time.monotonic() - started, 3))),
        reason=reason,
        sha256=None,
    )
    log.log(logging.ERROR if failure else logging.INFO, "%s", outcome)
    return outcome, totals, failure


def _window_start(table: TableSpec, batch: Batch, last_extraction: datetime | None) -> datetime | None:
    """From when on changed rows are read; None reads the table whole."""
    if table.mode == "full" or last_extraction is None:
        return None
    return min(batch.interval_start, last_extraction) - timedelta(hours=get_settings().overlap_hours)


def _window(table: TableSpec, since: datetime | None) -> str:
    return f"\"{table.cursor}\" >= '{since.isoformat()}'" if since else "true"


def _key_conditions(table: TableSpec, keys: Sequence[Key]) -> Iterator[str]:
    """Conditions that name the keys, each of a size that fits into an argument of a process."""
    types = [column.type for column in key_columns(table)]
    names = ", ".join(identifier(name) for name in table.key)
    rows: list[str] = []
    size = 0
    for key in keys:
        row = ", ".join(f"cast({literal(value)} as {type_})" for value, type_ in zip(key, types, strict=True))
        if rows and size + len(row.encode()) > _CONDITION_BYTES:
            yield f"({names}) in (values {', '.join(rows)})"
            rows, size = [], 0
        rows.append(f"({row})")
        size += len(row.encode()) + 4
    if rows:
        yield f"({names}) in (values {', '.join(rows)})"


def _select(table: TableSpec, carried: tuple[ColumnSpec, ...], condition: str) -> str:
    columns = [_expression(column) for column in (*table.columns, *carried)]
    return f'select {", ".join(columns)} from "{table.schema}"."{table.name}" where {condition}'


def _expression(column: ColumnSpec) -> str:
    # Text of a type the lake has no name for, and char(n) without its padding, come as Postgres writes them as text.
    as_text = column.type in ("text", "json") or column.type.startswith("char(")
    return f'"{column.name}"::text' if as_text else f'"{column.name}"'


def _schema(table: TableSpec, carried: tuple[ColumnSpec, ...]) -> pa.Schema:
    return pa.schema([*source_schema(table), *carried_fields(carried)])
