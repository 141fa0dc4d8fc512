"""The same key twice in one batch.

All versions are in Bronze; Silver takes the last by file and line. A version that loses with other content than the
last is a conflict and gets a row in quarantine; one with the same content is a mere repetition. Both are found in
Trino, so that memory stays bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tieout import connections
from tieout.batch import Batch
from tieout.bronze.quarantine import QUARANTINE
from tieout.controls.checksum import BRONZE
from tieout.controls.literals import identifier, literal
from tieout.controls.ops import insert
from tieout.extract.faults import CONFLICTING_DUPLICATE
from tieout.sources import TableSpec


@dataclass(frozen=True)
class Repeated:
    """Of one file: versions that lost with other content than the last one, and those with the same content."""

    conflicts: int
    repetitions: int


def record_conflicts(table: TableSpec, batch: Batch, now: datetime) -> dict[str, Repeated]:
    """{file: its losing versions} of a batch in Bronze, once the conflicts have their rows in quarantine."""
    if not connections.query(f"select 1 from ({_repeated_keys(table, batch)}) limit 1"):
        return {}
    rows = connections.query(
        "select _file, count_if(_hash <> _last_hash), count_if(_hash = _last_hash and _rank > 1) "
        f"from ({_versions(table, batch)}) where _rank > 1 group by _file"
    )
    repeated = {file: Repeated(conflicts, repetitions) for file, conflicts, repetitions in rows}
    if any(r.conflicts for r in repeated.values()):
        insert(_conflict_rows(table, batch, now))
    return repeated


def _repeated_keys(table: TableSpec, batch: Batch) -> str:
    key = ", ".join(identifier(name) for name in table.key)
    return f"select {key} from {table.bronze} where _batch = {literal(batch.day)} group by {key} having count(*) > 1"


def _versions(table: TableSpec, batch: Batch) -> str:
    """Every version of the keys that occur more than once, the last one having _rank 1."""
    key = ", ".join(identifier(name) for name in table.key)
    last = f"over (partition by {key} order by _file desc, _line desc)"
    return (
        f"select *, row_number() {last} as _rank, first_value(_hash) {last} as _last_hash, "
        f"first_value(_file) {last} as _last_file, first_value(_line) {last} as _last_line "
        f"from (select *, {BRONZE.row_hash(table)} as _hash from {table.bronze} "
        f"where _batch = {literal(batch.day)} and ({key}) in ({_repeated_keys(table, batch)}))"
    )


def _conflict_rows(table: TableSpec, batch: Batch, now: datetime) -> str:
    names = ", ".join(literal(column.name) for column in table.columns)
    texts = ", ".join(BRONZE.text(column, identifier(column.name)) for column in table.columns)
    key = " || '/' || ".join(BRONZE.key_values(table))
    reason = (
        f"{literal(', '.join(table.key) + ' ')} || {key} || ' was delivered again with other content in ' "
        "|| _last_file || ' line ' || cast(_last_line as varchar) || ', which was taken'"
    )
    return (
        f"insert into {QUARANTINE} "
        "(source, entity, _batch, run_id, file, line, reason_code, reason, raw, quarantined_at) "
        f"select {literal(table.source)}, {literal(table.name)}, {literal(batch.day)}, {literal(batch.run_id)}, "
        f"_file, _line, {literal(CONFLICTING_DUPLICATE)}, {reason}, "
        f"json_format(cast(map_filter(map(array[{names}], array[{texts}]), (k, v) -> v is not null) as json)), "
        f"{literal(now)} from ({_versions(table, batch)}) where _rank > 1 and _hash <> _last_hash"
    )
