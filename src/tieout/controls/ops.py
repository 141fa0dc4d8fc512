"""lake.ops: what every run did, measured and found, as tables that anyone can query.

The tables are append-only. A task that runs again appends its rows again, later; `recorded_at` is the same for all rows
of one `record_*` call, so "the newest recorded_at" of a run, table and layer is what holds. Every table is written by
one multi-row INSERT through Trino, because several tasks write at once and Trino's commits are compare-and-swap.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal

from tieout import connections
from tieout.controls.literals import literal

SCHEMA = "lake.ops"
# How the reason begins of a file that was skipped because all is well: it held no rows to load.
EMPTY_FILE, VERIFIED_MANIFEST = "empty: ", "manifest: "

# column: (Trino type, comment). The order is that of the dataclass of the same rows.
_RUN = {
    "run_id": ("varchar", "Airflow's id of the run, or cli."),
    "batch": ("date", "Batch of the run: the day its data interval starts."),
}
_TABLE = {
    "source": ("varchar", "Source, as config/sources names it."),
    "entity": ("varchar", "Table or object of the source."),
}
_RECORDED = {"recorded_at": ("timestamp(6) with time zone", "When the row was written, UTC.")}
_MONEY = "decimal(38,4)"

TABLES: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "runs": (
        "One row per run and change of its state.",
        {
            **_RUN,
            "status": ("varchar", "running, succeeded or failed."),
            "started_at": ("timestamp(6) with time zone", "When the run started, UTC."),
            "finished_at": ("timestamp(6) with time zone", "When it ended; NULL while it runs."),
            "reason": ("varchar", "Why it failed."),
            **_RECORDED,
        },
    ),
    "table_outcomes": (
        "One row per table and per delivered file of a run: what came, what was kept, what was not and why.",
        {
            **_RUN,
            **_TABLE,
            "file": ("varchar", "Object key of the delivered file; NULL for a database table."),
            "status": ("varchar", "loaded, skipped or failed."),
            "rows_seen": ("bigint", "Rows that were read."),
            "rows_kept": ("bigint", "Rows written to Bronze, marks of deletion not counted."),
            "rows_quarantined": ("bigint", "Rows put into lake.bronze.quarantine."),
            "rows_deleted": ("bigint", "Marks of deletion written to Bronze."),
            "bytes": ("bigint", "Bytes read of a file, or written for a table."),
            "seconds": ("decimal(12,3)", "Wall time."),
            "reason": ("varchar", "Why it was skipped or failed, or what is worth knowing."),
            "sha256": ("varchar", "Hash of the file's bytes: the same bytes are one delivery."),
            **_RECORDED,
        },
    ),
    "control_totals": (
        "Row counts, sums of money per currency and checksums of each layer's tables.",
        {
            **_RUN,
            "layer": ("varchar", "source, bronze, silver or gold."),
            **_TABLE,
            "measure": (
                "varchar",
                "rows, checksum, snapshot, months or sum:<column>:<currency>; @<month> of one month.",
            ),
            "value": (_MONEY, "The measure's value."),
            **_RECORDED,
        },
    ),
    "tie_out": (
        "Every comparison of two layers that a run made.",
        {
            **_RUN,
            "check_name": ("varchar", "Name of the comparison."),
            "left_layer": ("varchar", "Layer the numbers come from."),
            "right_layer": ("varchar", "Layer that must hold the same."),
            **_TABLE,
            "measure": ("varchar", "What was compared: rows, checksum, sum:<column>:<currency>, …"),
            "left_value": (_MONEY, "Value on the left; NULL where it could not be had."),
            "right_value": (_MONEY, "Value on the right; NULL where it could not be had."),
            "difference": (_MONEY, "Left less right."),
            "status": ("varchar", "tied or drift."),
            **_RECORDED,
        },
    ),
    "validations": (
        "Every expectation that Great Expectations held a Bronze batch against, and what came of it.",
        {
            **_RUN,
            **_TABLE,
            "expectation": ("varchar", "Great Expectations' name of the expectation."),
            "column_name": ("varchar", "Column it is about; NULL for the table as a whole."),
            "success": ("boolean", "Whether it holds."),
            "unexpected_count": ("bigint", "Rows that break it."),
            **_RECORDED,
        },
    ),
    "drift": (
        "Keys of rows of which Silver has not what the source or the deliveries have, of tables that drift.",
        {
            **_RUN,
            **_TABLE,
            "key": ("varchar", "The row's key; the values of a key of several columns stand between slashes."),
            "kind": ("varchar", "missing_in_lake, missing_in_source or different."),
            **_RECORDED,
        },
    ),
    "repairs": (
        "Every row that a tie-out found to differ, and whether it was read again; of a row the newest line holds.",
        {
            **_RUN,
            **_TABLE,
            "key": ("varchar", "The row's key; the values of a key of several columns stand between slashes."),
            "kind": ("varchar", "missing_in_lake, missing_in_source or different."),
            "status": (
                "varchar",
                "begun; repaired, by that run or a later one: Silver and all on it were built again; left: it differs.",
            ),
            "repaired_at": (
                "timestamp(6) with time zone",
                "When the source was read again, which is the row's _extracted_at in Bronze; NULL where it was not.",
            ),
            **_RECORDED,
        },
    ),
    "publications": (
        "Which snapshot of which table was published when, and under which tag it can be read.",
        {
            **_RUN,
            "relation": ("varchar", "Name in lake.gold and lake.gold_candidate."),
            "snapshot_id": ("bigint", "Iceberg snapshot of lake.gold_candidate's table."),
            "tag": ("varchar", "Iceberg tag of the snapshot: issued_<YYYY_MM_DD>."),
            "published_at": ("timestamp(6) with time zone", "When it was published, UTC."),
        },
    ),
    "alerts": (
        "The message of each run that had something to tell, and what became of it.",
        {
            **_RUN,
            "status": ("varchar", "sent, failed (not delivered), or stored: no notifier is configured."),
            "subject": ("varchar", "Subject of the message."),
            "text": ("varchar", "Text of the message."),
            **_RECORDED,
        },
    ),
}


@dataclass(frozen=True)
class Run:
    run_id: str
    batch: date
    status: str
    started_at: datetime
    finished_at: datetime | None = None
    reason: str | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class TableOutcome:
    """bytes: of the file as delivered, or of the Parquet written for a table; seconds: wall time."""

    run_id: str
    batch: date
    source: str
    entity: str
    file: str | None
    status: str
    rows_seen: int
    rows_kept: int
    rows_quarantined: int
    rows_deleted: int
    bytes: int
    seconds: Decimal
    reason: str | None = None
    sha256: str | None = None
    recorded_at: datetime | None = None

    def __str__(self) -> str:
        """The outcome as a line of a log; counts that are zero are left out, but for the rows."""
        counts = [f"{self.rows_kept:,} rows"]
        if self.rows_quarantined:
            counts.append(f"{self.rows_quarantined:,} quarantined")
        if self.rows_deleted:
            counts.append(f"{self.rows_deleted:,} deleted")
        told = f"{', '.join(counts)}, {self.bytes:,} bytes in {self.seconds:.1f} s" if self.status != "skipped" else ""
        parts = [f"{self.source}.{self.entity} {self.status}", told, self.file or "", self.reason or ""]
        return ": ".join(part for part in parts if part)


@dataclass(frozen=True)
class ControlTotal:
    """measure: rows, checksum, snapshot, months or sum:<column>:<currency>; @<month> at its end of one month."""

    run_id: str
    batch: date
    layer: str
    source: str
    entity: str
    measure: str
    value: Decimal
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class TieOut:
    """status: tied or drift; difference is left less right."""

    run_id: str
    batch: date
    check_name: str
    left_layer: str
    right_layer: str
    source: str
    entity: str
    measure: str
    left_value: Decimal | None
    right_value: Decimal | None
    difference: Decimal | None
    status: str
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class Validation:
    """expectation: Great Expectations' name of it; unexpected_count: rows that break it."""

    run_id: str
    batch: date
    source: str
    entity: str
    expectation: str
    column_name: str | None
    success: bool
    unexpected_count: int
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class DriftRow:
    """kind: missing_in_lake, missing_in_source or different."""

    run_id: str
    batch: date
    source: str
    entity: str
    key: str
    kind: str
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class RepairRow:
    """kind: as in DriftRow; status: begun, repaired or left; repaired_at: when the source was read again."""

    run_id: str
    batch: date
    source: str
    entity: str
    key: str
    kind: str
    status: str
    repaired_at: datetime | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class Publication:
    run_id: str
    batch: date
    relation: str
    snapshot_id: int
    tag: str
    published_at: datetime


@dataclass(frozen=True)
class Alert:
    """status: sent, failed or stored."""

    run_id: str
    batch: date
    status: str
    subject: str
    text: str
    recorded_at: datetime | None = None


Row = Run | TableOutcome | ControlTotal | TieOut | DriftRow | RepairRow | Validation | Publication | Alert

# One statement stays well under Trino's limit of a million characters, and its plan small.
_ROWS_PER_INSERT = 500
_CHARACTERS_PER_INSERT = 500_000
# Longer texts (a stack trace as a reason, say) are cut: the log has the whole.
_TEXT_LIMIT = 4000

_COMMIT_CONFLICT = "ICEBERG_COMMIT_ERROR"
_ATTEMPTS = 6


def ensure_ops_tables() -> None:
    """Make the tables of lake.ops that are not there yet; one query when all are."""
    present = {
        name
        for (name,) in connections.query(
            "select table_name from lake.information_schema.tables where table_schema = 'ops'"
        )
    }
    if missing := TABLES.keys() - present:
        connections.execute(f"create schema if not exists {SCHEMA}")
        for table in sorted(missing):
            connections.execute(_create_table(table))


def record_runs(rows: Sequence[Run]) -> None:
    """Append to lake.ops.runs."""
    _record("runs", rows)


def record_outcomes(rows: Sequence[TableOutcome]) -> None:
    """Append to lake.ops.table_outcomes."""
    _record("table_outcomes", rows)


def record_control_totals(rows: Sequence[ControlTotal]) -> None:
    """Append to lake.ops.control_totals. All totals of one table and layer must come in one call."""
    _record("control_totals", rows)


def record_tie_out(rows: Sequence[TieOut]) -> None:
    """Append to lake.ops.tie_out. All comparisons of one tie-out must come in one call."""
    _record("tie_out", rows)


def record_drift(rows: Sequence[DriftRow]) -> None:
    """Append to lake.ops.drift."""
    _record("drift", rows)


def record_repairs(rows: Sequence[RepairRow]) -> None:
    """Append to lake.ops.repairs."""
    _record("repairs", rows)


def record_validations(rows: Sequence[Validation]) -> None:
    """Append to lake.ops.validations."""
    _record("validations", rows)


def record_publications(rows: Sequence[Publication]) -> None:
    """Append to lake.ops.publications."""
    _record("publications", rows)


def record_alerts(rows: Sequence[Alert]) -> None:
    """Append to lake.ops.alerts."""
    _record("alerts", rows)


def latest(table: str, keys: str, where: str) -> str:
    """SQL of the rows of lake.ops.<table> that hold: of each group of `keys`, those recorded last.

    keys: comma-separated columns. where: a condition that picks the run.
    """
    return (
        f"select * from (select *, max(recorded_at) over (partition by {keys}) as newest "
        f"from {SCHEMA}.{table} where {where}) where recorded_at = newest"
    )


def of_run(run_id: str, batch: date) -> str:
    """The condition that picks a run's rows, for `latest`."""
    return f"run_id = {literal(run_id)} and batch = {literal(batch)}"


def _create_table(table: str) -> str:
    comment, columns = TABLES[table]
    lines = ",\n  ".join(f"{name} {type_} comment {literal(text)}" for name, (type_, text) in columns.items())
    return f"create table if not exists {SCHEMA}.{table} (\n  {lines}\n) comment {literal(comment)}"


def _record(table: str, rows: Sequence[Row]) -> None:
    columns = ", ".join(TABLES[table][1])
    now = datetime.now(UTC)
    for values in _chunks([_values(row, now) for row in rows]):
        insert(f"insert into {SCHEMA}.{table} ({columns}) values {values}")


def _values(row: Row, now: datetime) -> str:
    values = dict(zip((field.name for field in fields(row)), astuple(row), strict=True))
    if "recorded_at" in values:
        values["recorded_at"] = values["recorded_at"] or now
    return "(" + ", ".join(literal(_cut(value)) for value in values.values()) + ")"


def _cut(value: object) -> object:
    return value[: _TEXT_LIMIT - 1] + "…" if isinstance(value, str) and len(value) > _TEXT_LIMIT else value


def _chunks(rows: list[str]) -> Iterator[str]:
    """Groups of rows, joined, each within the limits of one statement."""
    chunk: list[str] = []
    size = 0
    for row in rows:
        if chunk and (len(chunk) == _ROWS_PER_INSERT or size + len(row) > _CHARACTERS_PER_INSERT):
            yield ", ".join(chunk)
            chunk, size = [], 0
        chunk.append(row)
        size += len(row)
    if chunk:
        yield ", ".join(chunk)


def insert(statement: str) -> None:
    """Run it; a commit that lost against another task's is known not to have happened, and is tried again."""
    from trino.exceptions import TrinoQueryError

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return connections.execute(statement)
        except TrinoQueryError as error:
            if error.error_name != _COMMIT_CONFLICT or attempt == _ATTEMPTS:
                raise
            # Several tasks that lost to the same commit must not meet again at the same moment.
            time.sleep(random.uniform(0.1, 0.4) * 2**attempt)
