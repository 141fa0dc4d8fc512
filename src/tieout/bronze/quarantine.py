"""lake.bronze.quarantine: every delivered line that was not loaded, with the file, the line and the reason.

The lines of one source table and batch are replaced whole, as the batch itself is: a run repeated gives the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from tieout import connections
from tieout.batch import Batch
from tieout.bronze.schema import NAMESPACE
from tieout.bronze.writer import ParquetStream, replace_files
from tieout.controls.literals import literal
from tieout.extract.faults import Rejected
from tieout.sources import TableSpec

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

NAME = "quarantine"
QUARANTINE = f"lake.{NAMESPACE}.{NAME}"

_PARTITION = ("_batch", "source", "entity")
# As for the Bronze tables: old metadata files go with the commits that replace them.
_PROPERTIES = {
    "format-version": "2",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}
_COMMENT = "Delivered lines that could not be loaded, or that lost against another version of the same key."
_COLUMNS = {
    "source": (pa.string(), "Source, as config/sources names it."),
    "entity": (pa.string(), "Table or object of the source."),
    "_batch": (pa.date32(), "Batch of the run: the day its data interval starts."),
    "run_id": (pa.string(), "Airflow's id of the run, or cli."),
    "file": (pa.string(), "Object key of the delivered file in the bucket landing."),
    "line": (pa.int64(), "Line (or row) of the file, from 1; NULL when the file as a whole could not be read."),
    "reason_code": (pa.string(), "What is wrong, in a word; see docs/landing.md."),
    "reason": (pa.string(), "What is wrong: column, value, what was expected."),
    "raw": (pa.string(), "The line as delivered; of Parquet, the row as JSON."),
    "quarantined_at": (pa.timestamp("us", tz="UTC"), "When it was put here, UTC."),
}
SCHEMA = pa.schema([pa.field(name, type_) for name, (type_, _) in _COLUMNS.items()])


def ensure_quarantine(catalog: Catalog) -> Table:
    """The table, made if it is not there yet."""
    from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError
    from pyiceberg.io.pyarrow import _pyarrow_to_schema_without_ids
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.schema import Schema, assign_fresh_schema_ids
    from pyiceberg.transforms import IdentityTransform

    try:
        return catalog.load_table((NAMESPACE, NAME))
    except NoSuchTableError:
        pass
    bare = assign_fresh_schema_ids(_pyarrow_to_schema_without_ids(SCHEMA))
    schema = Schema(*(field.model_copy(update={"doc": _COLUMNS[field.name][1]}) for field in bare.fields))
    partition = PartitionSpec(
        *(
            PartitionField(schema.find_field(name).field_id, number, IdentityTransform(), name)
            for number, name in enumerate(_PARTITION, start=1000)
        )
    )
    properties = _PROPERTIES | {"comment": _COMMENT}
    try:
        return catalog.create_table((NAMESPACE, NAME), schema=schema, partition_spec=partition, properties=properties)
    except TableAlreadyExistsError:  # another process makes it at the same time
        return catalog.load_table((NAMESPACE, NAME))


def quarantined_entities(source: str, batch: Batch) -> set[str]:
    """The tables of a source of which an earlier run of the batch has put lines here."""
    ensure_quarantine(connections.iceberg_catalog())
    rows = connections.query(
        f'select distinct partition.entity from lake.{NAMESPACE}."{NAME}$partitions" '
        f"where partition._batch = {literal(batch.day)} and partition.source = {literal(source)}"
    )
    return {entity for (entity,) in rows}


class Quarantine:
    """The lines of one source table and batch. Nothing is seen of them before commit().

    held: whether an earlier run of the batch has put lines here, which commit() then replaces.
    """

    def __init__(self, table: TableSpec, batch: Batch, now: datetime, held: bool) -> None:
        self._table, self._batch, self._now, self._held = table, batch, now, held
        self._quarantine: Table | None = None
        self._stream: ParquetStream | None = None

    def _open(self) -> ParquetStream:
        if self._stream is None:
            self._quarantine = ensure_quarantine(connections.iceberg_catalog())
            folder = f"_batch={self._batch}/source={self._table.source}/entity={self._table.name}"
            self._stream = ParquetStream(f"{self._quarantine.location()}/data/{folder}", SCHEMA, threads=1)
        return self._stream

    def add(self, file: str, lines: Sequence[Rejected]) -> None:
        """Take lines of one file; memory is bounded, however many there are."""
        count = len(lines)
        columns = {
            "source": [self._table.source] * count,
            "entity": [self._table.name] * count,
            "_batch": [self._batch.day] * count,
            "run_id": [self._batch.run_id] * count,
            "file": [file] * count,
            "line": [line.line for line in lines],
            "reason_code": [line.code for line in lines],
            "reason": [line.reason for line in lines],
            "raw": [line.raw for line in lines],
            "quarantined_at": [self._now] * count,
        }
        self._open().write(pa.RecordBatch.from_pydict(columns, schema=SCHEMA))

    def commit(self) -> None:
        """Replace what an earlier run of the batch has put there."""
        from pyiceberg.expressions import And, EqualTo

        if self._stream is None and not self._held:
            return
        stream = self._open()
        stream.__exit__(None)
        ours = And(
            EqualTo("_batch", str(self._batch)),
            EqualTo("source", self._table.source),
            EqualTo("entity", self._table.name),
        )
        replace_files(self._quarantine, ours, stream.written.files)

    def abandon(self) -> None:
        """Leave the table as it was: the run could not go on."""
        if self._stream:
            self._stream.__exit__(RuntimeError)
