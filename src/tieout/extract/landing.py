"""Delivered files to Bronze: one batch per table, of all files that no other batch has taken.

Every file is read to its end even after one was refused, so that one run says everything that is wrong. A table with a
file that cannot be trusted, or a folder that is not what its manifest says, writes nothing to Bronze, while its
quarantine and outcome rows say why; the other tables go on. Not done here: judging a key's versions against earlier
batches, which is Silver's work.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa

from tieout import connections
from tieout.batch import Batch
from tieout.bronze.conflicts import record_conflicts
from tieout.bronze.quarantine import Quarantine, quarantined_entities
from tieout.bronze.schema import NAMESPACE
from tieout.bronze.writer import BatchWriter
from tieout.controls import ops
from tieout.controls.literals import identifier, literal
from tieout.errors import ConfigError, LandingError
from tieout.extract.chunks import Chunk
from tieout.extract.currencies import Currencies, read_currencies
from tieout.extract.deliveries import (
    Chosen,
    Delivery,
    Taken,
    check_unchanged,
    choose,
    list_deliveries,
    taken_by_others,
)
from tieout.extract.faults import TOO_MANY_BAD_LINES, Rejected, UnreadableFile
from tieout.extract.manifests import Verified, verify
from tieout.extract.memory import leave_pandas_out
from tieout.extract.readers import read_file
from tieout.settings import get_settings
from tieout.sources import Source, TableSpec, load_source

log = logging.getLogger(__name__)

# Reading and typing take longer than writing: a second writer would only take memory.
_WRITER_THREADS = 1
LOADED, SKIPPED, FAILED = "loaded", "skipped", "failed"
_COLUMNS_NAMED = 10


@dataclass
class FileRead:
    """What reading one delivered file gave. refused: why it cannot be trusted as a whole."""

    chosen: Chosen
    seen: int = 0
    kept: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    others: set[str] = field(default_factory=set)
    seconds: Decimal = Decimal(0)
    refused: UnreadableFile | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def quarantined(self) -> int:
        return self.codes.total()


def extract_landing(source: str, batch: Batch) -> list[ops.TableOutcome]:
    """Read what was delivered of a source into Bronze; an outcome row a file, and one a table without a file.

    Raises LandingError when a file was refused, once the other tables are loaded, and ExtractionError when one changed
    while it was read, at once: the task tries again. What is known of outcomes is recorded first.
    """
    described = load_source(source)
    if described.kind != "landing":
        raise ConfigError(f"{source} is of kind {described.kind}: only a source of kind landing is delivered in files")
    leave_pandas_out()
    started_at = datetime.now(UTC)
    deliveries = list_deliveries(described, batch)
    taken = taken_by_others(described, batch)
    currencies = read_currencies()
    before = read_before(described, batch)
    outcomes: list[ops.TableOutcome] = []
    failures: list[str] = []
    try:
        for table in described.tables:
            load = _TableLoad(table, batch, currencies, before, started_at)
            ours = [t for t in taken if t.entity == table.name]
            try:
                failures += load.run(deliveries.pop(table.name, []), ours)
            finally:
                outcomes += load.outcomes
        for entity, strays in deliveries.items():
            judged = [t for t in taken if t.entity == entity]
            outcomes += [_skipped(described.name, batch, chosen) for chosen in choose(strays, judged)]
    finally:
        # One time for all, before any file was read: an object changed since then is looked at again.
        ops.record_outcomes([replace(outcome, recorded_at=started_at) for outcome in outcomes])
    for outcome in outcomes:
        log.info("%s", outcome)
    if failures:
        raise LandingError("\n".join(failures))
    return outcomes


@dataclass(frozen=True)
class Before:
    """What the lake held before: the newest extraction, and the tables of which the batch has rows already."""

    extracted_at: datetime | None
    in_bronze: set[str]
    in_quarantine: set[str]

    def next_extraction(self, now: datetime) -> datetime:
        """Now, or just after the newest extraction: Silver reads what was extracted later than what it holds."""
        return max(now, self.extracted_at + timedelta(microseconds=1)) if self.extracted_at else now


def read_before(source: Source, batch: Batch) -> Before:
    """Two queries of metadata alone, however many tables and rows there are."""
    rows = connections.query(
        " union all ".join(
            f"select {literal(table.name)}, max(data._extracted_at.max), "
            f"coalesce(bool_or(partition._batch = {literal(batch.day)}), false) "
            f"from lake.{NAMESPACE}.{identifier(table.identifier + '$partitions')}"
            for table in source.tables
        )
    )
    return Before(
        extracted_at=max((newest for _, newest, _ in rows if newest), default=None),
        in_bronze={name for name, _, has_batch in rows if has_batch},
        in_quarantine=quarantined_entities(source.name, batch),
    )


class _TableLoad:
    """One table's files of one batch."""

    def __init__(
        self, table: TableSpec, batch: Batch, currencies: Currencies, before: Before, started_at: datetime
    ) -> None:
        self._table, self._batch, self._currencies, self._before = table, batch, currencies, before
        self._extracted_at = before.next_extraction(started_at)
        self._verified = Verified()
        self.outcomes: list[ops.TableOutcome] = []

    def run(self, deliveries: Sequence[Delivery], taken: Sequence[Taken]) -> list[str]:
        """Load what other batches have not taken; returns what is wrong with files that were refused."""
        started = time.monotonic()
        files_delivered = [delivery for delivery in deliveries if not delivery.is_manifest]
        manifests = [delivery for delivery in deliveries if delivery.is_manifest]
        chosen = choose(files_delivered, taken)
        self._verified = verify(files_delivered, manifests, chosen, taken)
        skipped = [c for c in chosen if c.skip and c.delivery.file not in self._verified.wrong]
        self.outcomes = [_skipped(self._table.source, self._batch, c) for c in skipped]
        files = [FileRead(c) for c in chosen if not c.skip]
        try:
            refused = self._load(files)
        except Exception as error:
            self.outcomes.append(self._table_outcome(FAILED, f"{type(error).__name__}: {error}", started))
            raise
        if refused:
            self.outcomes.append(self._table_outcome(FAILED, "\n".join(refused), started))
        elif not chosen:
            self.outcomes.append(self._table_outcome(SKIPPED, "no delivery", started))
        self.outcomes += [self._file_outcome(file, failed=bool(refused)) for file in files]
        self.outcomes += self._manifest_outcomes(files, failed=bool(refused))
        return refused

    def _load(self, files: list[FileRead]) -> list[str]:
        name = self._table.name
        wrong = self._verified.wrong
        if not files and not wrong and name not in self._before.in_bronze | self._before.in_quarantine:
            return []
        held = name in self._before.in_quarantine
        quarantine = Quarantine(self._table, self._batch, self._extracted_at, held)
        refused = [f"{file}: {error}" for file, error in wrong.items()]
        for file, error in wrong.items():
            quarantine.add(file, [Rejected(None, error.code, str(error), None)])
        try:
            with BatchWriter(self._table, self._batch, self._extracted_at, threads=_WRITER_THREADS) as writer:
                for file in files:
                    file.refused = wrong.get(file.chosen.delivery.file)
                    if file.refused:
                        continue
                    # Once a file is refused nothing will be written, but the others are still looked at.
                    self._read(file, None if refused else writer, quarantine)
                    if file.refused:
                        refused.append(f"{file.chosen.delivery.file}: {file.refused}")
                relied_on = [*(file.chosen for file in files), *self._verified.judged]
                check_unchanged([chosen.delivery for chosen in relied_on])
                # Before Bronze: no line is ever missing there without a row that says so.
                quarantine.commit()
                if refused:
                    raise LandingError("; ".join(refused))
        except LandingError:
            if not refused:
                raise
        except BaseException:
            quarantine.abandon()
            raise
        else:
            self._note_repetitions(files)
        return refused

    def _read(self, file: FileRead, writer: BatchWriter | None, quarantine: Quarantine) -> None:
        """Read one file to its end, or to the point where it cannot be trusted any more."""
        started = time.monotonic()
        delivery = file.chosen.delivery
        listed = self._verified.listed.get(delivery.file)
        check = listed.check_columns if listed else None
        try:
            with delivery.open() as stream:
                for chunk in read_file(self._table, delivery.file, stream, self._currencies, check):
                    self._take(file, chunk, writer, quarantine)
            if listed:
                listed.check_rows(file.seen)
            _check_share(file)
        except UnreadableFile as error:
            file.refused = error
            quarantine.add(delivery.file, [Rejected(None, error.code, str(error), None)])
        file.seconds = _seconds(started)

    def _take(self, file: FileRead, chunk: Chunk, writer: BatchWriter | None, quarantine: Quarantine) -> None:
        file.seen += chunk.seen
        file.kept += chunk.rows.num_rows
        file.codes.update(line.code for line in chunk.rejected)
        file.others |= chunk.others
        name = file.chosen.delivery.file
        if chunk.rejected:
            quarantine.add(name, chunk.rejected)
        if writer:
            names = pa.repeat(pa.scalar(name), chunk.rows.num_rows)
            writer.write(chunk.rows.append_column("_file", names))

    def _note_repetitions(self, files: list[FileRead]) -> None:
        if not any(file.kept for file in files):
            return
        repeated = record_conflicts(self._table, self._batch, self._extracted_at)
        for file in files:
            if losing := repeated.get(file.chosen.delivery.file):
                file.codes["conflicting_duplicate"] += losing.conflicts
                if losing.repetitions:
                    file.notes.append(f"rows that repeat another one's key and content: {losing.repetitions}")

    def _file_outcome(self, file: FileRead, failed: bool) -> ops.TableOutcome:
        delivery = file.chosen.delivery
        status, reason = LOADED, "; ".join(_remarks(file)) or None
        if file.refused:
            status, reason = FAILED, str(file.refused)
        elif failed:
            status, reason = FAILED, "not loaded: another file of the table was refused"
        elif file.seen == 0:
            status, reason = SKIPPED, f"{ops.EMPTY_FILE}it holds no rows"
        return ops.TableOutcome(
            run_id=self._batch.run_id,
            batch=self._batch.day,
            source=self._table.source,
            entity=self._table.name,
            file=delivery.file,
            status=status,
            rows_seen=file.seen,
            rows_kept=0 if failed else file.kept,
            rows_quarantined=file.quarantined,
            rows_deleted=0,
            bytes=delivery.bytes,
            seconds=file.seconds,
            reason=reason,
            sha256=file.chosen.sha256,
        )

    def _manifest_outcomes(self, files: list[FileRead], failed: bool) -> list[ops.TableOutcome]:
        """Of manifests that were held against their folders, and of files that have no other outcome."""
        read = {file.chosen.delivery.file for file in files}
        outcomes = [
            self._no_rows(file, FAILED, str(error), None)
            for file, error in self._verified.wrong.items()
            if file not in read
        ]
        if not failed:
            for chosen in self._verified.judged:
                count = sum(listed.manifest == chosen.delivery.file for listed in self._verified.listed.values())
                reason = f"{ops.VERIFIED_MANIFEST}its {count} files are there as it lists them"
                outcomes.append(self._no_rows(chosen.delivery.file, SKIPPED, reason, chosen))
        return outcomes

    def _no_rows(self, file: str, status: str, reason: str, chosen: Chosen | None) -> ops.TableOutcome:
        return replace(
            self._table_outcome(status, reason, time.monotonic()),
            file=file,
            bytes=chosen.delivery.bytes if chosen else 0,
            sha256=chosen.sha256 if chosen else None,
        )

    def _table_outcome(self, status: str, reason: str, started: float) -> ops.TableOutcome:
        return ops.TableOutcome(
            run_id=self._batch.run_id,
            batch=self._batch.day,
            source=self._table.source,
            entity=self._table.name,
            file=None,
            status=status,
            rows_seen=0,
            rows_kept=0,
            rows_quarantined=0,
            rows_deleted=0,
            bytes=0,
            seconds=_seconds(started),
            reason=reason,
        )


def _check_share(file: FileRead) -> None:
    limit = get_settings().quarantine_limit_percent
    if file.quarantined * 100 > limit * file.seen:
        raise UnreadableFile(
            TOO_MANY_BAD_LINES,
            f"{file.quarantined} of {file.seen} lines cannot be loaded ({_counts(file.codes)}), more than {limit} %: "
            "see lake.bronze.quarantine, and deliver the file again, or raise TIEOUT_QUARANTINE_LIMIT_PERCENT",
        )


def _remarks(file: FileRead) -> list[str]:
    remarks = []
    if file.codes.total():
        remarks.append(f"in quarantine: {_counts(file.codes)}")
    remarks += file.notes
    if file.others:
        names = sorted(file.others)
        more = f" and {len(names) - _COLUMNS_NAMED} more" if len(names) > _COLUMNS_NAMED else ""
        remarks.append(f"columns not described, kept in _rest: {', '.join(names[:_COLUMNS_NAMED])}{more}")
    return remarks


def _counts(codes: Counter[str]) -> str:
    return ", ".join(f"{count} {code}" for code, count in sorted(codes.items()) if count)


def _skipped(source: str, batch: Batch, chosen: Chosen) -> ops.TableOutcome:
    delivery: Delivery = chosen.delivery
    return ops.TableOutcome(
        run_id=batch.run_id,
        batch=batch.day,
        source=source,
        entity=delivery.entity,
        file=delivery.file,
        status=SKIPPED,
        rows_seen=0,
        rows_kept=0,
        rows_quarantined=0,
        rows_deleted=0,
        bytes=delivery.bytes,
        seconds=Decimal(0),
        reason=chosen.skip,
        sha256=chosen.sha256,
    )


def _seconds(started: float) -> Decimal:
    return Decimal(str(round(time.monotonic() - started, 3)))
