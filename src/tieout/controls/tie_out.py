"""Tie-out: every run proves that no row and no cent was lost between source, Bronze, Silver and Gold.

Four comparisons, each measured by few queries and all at once:

- source = Silver: the totals that extraction took inside its snapshot against the rows of Silver that are not deleted
- outcome = Bronze: what extraction says it kept, deleted and quarantined against what is there, per table and file
- Bronze = Silver: of what came in files, the newest version of every key against Silver
- Silver = Gold: the identities of config/controls.yml

Every comparison leaves a row in lake.ops.tie_out, tied or drift. Where Silver is not what the source or Bronze is, the
rows that differ are read again, all that stands on them is built again, and the tie-out is run again (controls/repair).
The snapshots of Gold's candidate that were measured are recorded too: publish will publish those and no others.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from tieout.batch import Batch
from tieout.controls import ops, repair
from tieout.controls.identities import Identity, identity_totals, load_identities
from tieout.controls.layers import (
    Held,
    Outcome,
    Part,
    candidate_snapshots,
    held_in_bronze,
    newest_totals,
    recorded_outcomes,
    recorded_source_totals,
    relations,
)
from tieout.controls.repair import KEYS_LISTED, LEFT, Unfinished
from tieout.controls.totals import control_totals, measured_months, silver_totals
from tieout.errors import DriftError
from tieout.sources import TableSpec, load_sources

log = logging.getLogger(__name__)

TIED, DRIFT = "tied", "drift"
_UNPUBLISHED = "nothing of this run is published"
SOURCE_SILVER, OUTCOME_BRONZE, BRONZE_SILVER = "source_silver", "outcome_bronze", "bronze_silver"
# The source of rows that are about Gold's own tables.
LAKE = "lake"
SNAPSHOT = "snapshot"

_LINES_IN_MESSAGE = 20
_THREADS = 4
_DIGITS = 60

Measures = dict[str, Decimal]


@dataclass(frozen=True)
class TieOutReport:
    """All comparisons of a run. drifted_rows holds, per table whose drift is left, at most KEYS_LISTED keys."""

    batch: Batch
    comparisons: tuple[ops.TieOut, ...]
    drifted_rows: tuple[ops.DriftRow, ...] = ()

    @property
    def drifts(self) -> tuple[ops.TieOut, ...]:
        return tuple(row for row in self.comparisons if row.status == DRIFT)


def tie_out(batch: Batch) -> TieOutReport:
    """Compare all layers for a batch, mend what can be mended, and record what was found.

    Raises DriftError, after recording, when any two numbers differ in the end; nothing is published then.
    """
    # What broke off, in a try of this task or in another run, may have mended Silver, and no number of what stands on
    # it need differ then.
    repair.finish(batch, _described(), afterwards=_foresee)
    report = measure(batch)
    if drifting := _in_silver(report.comparisons, _described()):
        tables = _tables(relations())
        ops.record_tie_out(report.comparisons)
        _tell(report.drifts)
        try:
            if begun := repair.read_rows_again(batch, tables, drifting):
                repair.rebuild(batch, begun, afterwards=_foresee)
        except repair.TooMuchDrift as error:
            rows = tuple(row for found in error.found for row in found.drift(batch))
            raise DriftError(_message(replace(report, drifted_rows=rows), f"{_UNPUBLISHED}: {error}")) from error
        report = _with_rows_left(measure(batch), tables)
        ops.record_drift(report.drifted_rows)
    # Last, because publish takes the rows of the tie-out as the proof that it ended.
    ops.record_tie_out(report.comparisons)
    if report.drifts:
        raise DriftError(_message(report))
    log.info("%d comparisons of batch %s tied", len(report.comparisons), batch)
    return report


def mend_silver(batch: Batch, unbuilt: Collection[str] = ()) -> list[Unfinished]:
    """Read again what Silver has otherwise than the source or Bronze; `rebuild` must build all models after it.

    For a build that failed, perhaps because rows were missing, or are still built upon after a repair that broke off:
    the tie-out that comes after it would never see them. unbuilt: relations that the build did not come to; what they
    lack is the batch itself, and no drift. Returns what is to be built again, empty when Silver is as it must be and no
    repair is unfinished. Raises DriftError when too many rows differ.
    """
    present = relations()
    tables = _comparable(_tables(present), unbuilt)
    comparisons, totals = _measure_silver(batch, tables, present)
    if not (drifting := _in_silver(comparisons, tables)):
        return repair.unfinished(tables)
    ops.record_control_totals(totals)
    ops.record_tie_out(comparisons)
    _tell([row for row in comparisons if row.status == DRIFT])
    return repair.read_rows_again(batch, tables, drifting)


def measure(batch: Batch) -> TieOutReport:
    """Compare all layers; records the totals that were measured, but no judgement."""
    present = relations()
    tables = _described()
    identities = [identity for identity in load_identities() if not _missing(identity, present)]

    with ThreadPoolExecutor(_THREADS) as pool:
        # Before the identities: a table that changes meanwhile is then refused by publish.
        snapshots = candidate_snapshots()
        gold = pool.submit(identity_totals, identities)
        held = pool.submit(held_in_bronze, tables, batch, present)
        comparisons, totals = _measure_silver(batch, tables, present)
        outcomes = recorded_outcomes(batch)
        gold, held = gold.result(), held.result()

    comparisons += _compare_outcomes(batch, outcomes, held)
    for identity in load_identities():
        comparisons += _compare_identity(batch, identity, *gold.get(identity, (None, None)))
    totals += [
        ops.ControlTotal(batch.run_id, batch.day, "gold", LAKE, table, SNAPSHOT, Decimal(snapshot))
        for table, snapshot in snapshots.items()
    ]
    ops.record_control_totals(totals)
    return TieOutReport(batch, tuple(comparisons))


def _described() -> list[TableSpec]:
    return [table for source in load_sources().values() for table in source.tables]


def _tables(present: set[str]) -> list[TableSpec]:
    """The tables that Silver has."""
    return [table for table in _described() if table.silver in present]


def _comparable(tables: list[TableSpec], unbuilt: Collection[str]) -> list[TableSpec]:
    """The tables that hold the batch. A repair brings all of a database to one moment: without one of them, none."""
    waiting = {table.source for table in tables if table.kind == "postgres" and table.silver in unbuilt}
    return [table for table in tables if table.silver not in unbuilt and table.source not in waiting]


def _measure_silver(
    batch: Batch, tables: list[TableSpec], present: set[str]
) -> tuple[list[ops.TieOut], list[ops.ControlTotal]]:
    """Silver against the source and, of what came in files, against Bronze; and the totals that were taken."""
    delivered = [table for table in tables if table.kind == "landing" and table.bronze in present]
    in_silver = [table for table in tables if table.silver in present]
    with ThreadPoolExecutor(_THREADS) as pool:
        newest = pool.submit(newest_totals, delivered)
        source = recorded_source_totals(batch)
        months = {
            table: measured_months(source[table.source, table.name])
            for table in in_silver
            if (table.source, table.name) in source
        }
        silver = silver_totals(in_silver, months)
        newest = newest.result()
    comparisons: list[ops.TieOut] = []
    for table in tables:
        if table.kind == "postgres":
            left = source.get((table.source, table.name))
            comparisons += _compare_table(batch, SOURCE_SILVER, "source", table, left, silver.get(table))
        elif table in newest:
            comparisons += _compare_table(batch, BRONZE_SILVER, "bronze", table, newest[table], silver.get(table))
    totals = [
        total
        for layer, measured in (("silver", silver), ("bronze", newest))
        for table, values in measured.items()
        for total in control_totals(table, batch, layer, values)
    ]
    return comparisons, totals


def _in_silver(comparisons: Iterable[ops.TieOut], tables: list[TableSpec]) -> list[TableSpec]:
    """The tables of which Silver has other rows than the source or Bronze; both sides could be measured."""
    drifting = {
        (row.source, row.entity)
        for row in comparisons
        if row.status == DRIFT and row.check_name in (SOURCE_SILVER, BRONZE_SILVER) and row.difference is not None
    }
    return [table for table in tables if (table.source, table.name) in drifting]


def _with_rows_left(report: TieOutReport, tables: list[TableSpec]) -> TieOutReport:
    """With some of the rows that differ although they were read again; they are recorded as left."""
    left = repair.look_for_rows(_in_silver(report.comparisons, tables))
    ops.record_repairs([row for found in left for row in found.recorded(report.batch, LEFT)])
    return replace(report, drifted_rows=tuple(row for found in left for row in found.drift(report.batch)))


def _tell(drifts: Sequence[ops.TieOut]) -> None:
    lines = "\n".join(_drift_line(row) for row in drifts[:_LINES_IN_MESSAGE])
    log.warning("%d comparisons drift; the rows that differ are read again\n%s", len(drifts), lines)


def _foresee(batch: Batch) -> None:
    """Make the forecast and the alerts again, which were made from what Gold was before the repair."""
    from tieout.ml.anomalies import run_anomalies
    from tieout.ml.forecast import run_forecast

    run_forecast(batch)
    run_anomalies(batch)


def _compare_table(
    batch: Batch, check: str, layer: str, table: TableSpec, left: Measures | None, right: Measures | None
) -> list[ops.TieOut]:
    return _compare(batch, check, (layer, "silver"), (table.source, table.name), left, right)


def _compare_identity(
    batch: Batch, identity: Identity, left: Measures | None, right: Measures | None
) -> list[ops.TieOut]:
    layers = (identity.left.layer, identity.right.layer)
    return _compare(batch, identity.name, layers, (LAKE, identity.entity), left, right)


def _compare_outcomes(batch: Batch, outcomes: dict[Part, Outcome], held: dict[Part, Held]) -> list[ops.TieOut]:
    """Per table and file: what extraction says against what Bronze and the quarantine hold.

    A file that was loaded must account for every line: kept, or in quarantine.
    """
    comparisons = []
    for part in sorted(outcomes.keys() | held.keys(), key=lambda part: tuple(text or "" for text in part)):
        source, entity, file = part
        there = held.get(part, Held())
        if part not in outcomes and there.upserts == there.deletes == 0:
            continue  # lines of a file that was refused as a whole: its outcome says so, and Bronze has none of it
        said = outcomes.get(part, Outcome(0, 0, 0, 0))
        suffix = f":{file}" if file else ""
        left = {
            f"rows_kept{suffix}": Decimal(said.kept),
            f"rows_deleted{suffix}": Decimal(said.deleted),
            f"rows_quarantined{suffix}": Decimal(said.quarantined),
            f"rows_seen{suffix}": Decimal(said.seen),
        }
        right = {
            f"rows_kept{suffix}": Decimal(there.upserts),
            f"rows_deleted{suffix}": Decimal(there.deletes),
            f"rows_quarantined{suffix}": Decimal(there.quarantined),
            f"rows_seen{suffix}": Decimal(there.upserts + there.quarantined - there.conflicts),
        }
        comparisons += _compare(batch, OUTCOME_BRONZE, ("ops", "bronze"), (source, entity), left, right)
    return comparisons


def _compare(
    batch: Batch,
    check: str,
    layers: tuple[str, str],
    entity: tuple[str, str],
    left: Measures | None,
    right: Measures | None,
) -> list[ops.TieOut]:
    """A row per measure of either side. A side that is None could not be measured, which is a drift of its own."""
    comparisons = []
    for name in dict.fromkeys([*(left or {}), *(right or {}), *(["rows"] if left is None and right is None else [])]):
        values = [None if side is None else side.get(name, Decimal(0)) for side in (left, right)]
        difference = None
        if None not in values:
            with localcontext(prec=_DIGITS):
                difference = values[0] - values[1]
        status = TIED if difference == 0 else DRIFT
        comparisons.append(
            ops.TieOut(batch.run_id, batch.day, check, *layers, *entity, name, *values, difference, status)
        )
    return comparisons


def _missing(identity: Identity, present: set[str]) -> set[str]:
    """Tables of the identity that the lake does not have."""
    named = re.findall(r"lake\.\w+\.\w+", f"{identity.left.relation} {identity.right.relation}")
    return set(named) - present


def _message(report: TieOutReport, outcome: str = _UNPUBLISHED) -> str:
    """What drifts, by how much, which rows, and what to do. outcome: what becomes of it."""
    drifts = report.drifts
    lines = [
        f"tie-out of batch {report.batch} found drift in {len(drifts)} of {len(report.comparisons)} comparisons; "
        f"{outcome}"
    ]
    lines += [_drift_line(row) for row in drifts[:_LINES_IN_MESSAGE]]
    if len(drifts) > _LINES_IN_MESSAGE:
        lines.append(f"  … and {len(drifts) - _LINES_IN_MESSAGE} more, in lake.ops.tie_out")
    for source, entity in dict.fromkeys((row.source, row.entity) for row in report.drifted_rows):
        keys = [f"{row.kind} {row.key}" for row in report.drifted_rows if (row.source, row.entity) == (source, entity)]
        listed = ", ".join(keys[:3]) + (", …" if len(keys) > 3 else "")
        lines.append(f"  rows of {source}.{entity} that differ: {listed} (lake.ops.drift has up to {KEYS_LISTED})")
    lines += [f"  {remedy}" for check, remedy in _REMEDIES.items() if any(_kind(row) == check for row in drifts)]
    return "\n".join(lines)


def _drift_line(row: ops.TieOut) -> str:
    what = f"  {row.source}.{row.entity}: {row.measure} ({row.check_name})"
    if row.left_value is None and row.right_value is None:
        return f"{what}: neither {row.left_layer} nor {row.right_layer} could be measured: their tables are missing"
    for value, layer in ((row.left_value, row.left_layer), (row.right_value, row.right_layer)):
        if value is None:
            return f"{what}: {layer} has no total of this run: its table is missing, or its task did not record one"
    return (
        f"{what}: {row.left_layer} {row.left_value:f}, {row.right_layer} {row.right_value:f}, "
        f"difference {row.difference:f}"
    )


def _kind(row: ops.TieOut) -> str:
    return row.check_name if row.check_name in _REMEDIES else "identity"


_REMEDIES = {
    SOURCE_SILVER: (
        "source and Silver: each run reads differing rows again (lake.ops.repairs). What still differs after that, or "
        "is too much for it, has a cause that stays: look at the rows in lake.ops.drift, mend it, run the day again"
    ),
    OUTCOME_BRONZE: "outcomes and Bronze: the batch was changed after it was written: run the day again",
    BRONZE_SILVER: (
        "Bronze and Silver: each run reads differing rows again (lake.ops.repairs). If that was too many of them, "
        "rebuild the Silver model with dbt build --full-refresh, then run the day again"
    ),
    "identity": "Silver and Gold: see the identity in config/controls.yml and the Gold model it names",
}
