"""Record batches to one Bronze batch: Parquet files in the lake, then one atomic Iceberg commit.

Writer threads take record batches from a short queue, so the reader never runs further ahead than the queue is long
and memory is bounded whatever the table's size. Nothing is visible before the commit; the commit replaces the batch's
partition and adds the new files at once. File names are never reused: what a crash leaves behind is referenced by
nothing, and the weekly maintenance removes it.
"""

from __future__ import annotations

import threading
import uuid
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from queue import Queue
from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tieout import connections
from tieout.batch import Batch
from tieout.bronze.schema import BATCH_FIELDS, NAMESPACE, add_columns
from tieout.sources import TableSpec

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table

UPSERT, DELETE = "upsert", "delete"

WRITER_THREADS = 2
QUEUED_BATCHES = 2
# Rows of a row group: more would stand in memory until it is full, fewer make readers open many small ones.
ROW_GROUP_ROWS = 32_768
# A file is closed at this size, so that several readers can share a large table.
TARGET_FILE_BYTES = 256 * 1024 * 1024
COMMIT_ATTEMPTS = 4
# Columns of few values keep their dictionary below this; the others give up soon, which saves time and memory.
DICTIONARY_BYTES = 64 * 1024

# What a commit's summary says of the batch it brought.
_BATCH = "tieout.batch"
_EXTRACTED_AT = "tieout.extracted-at"
_REPAIRED = "tieout.repaired-batch"
_NO_PROPERTIES: Mapping[str, str] = MappingProxyType({})

# A batch that is new has nothing to replace; PyIceberg warns of that each time.
warnings.filterwarnings("ignore", message="Delete operation did not match any records")


@dataclass
class Written:
    """What a writer has put into the lake so far: rows, bytes of Parquet, and the files' addresses."""

    rows: int = 0
    bytes: int = 0
    files: tuple[str, ...] = ()


class ParquetStream:
    """Writes record batches of one schema into Parquet files below a folder, on one or more threads.

    Used as a context manager; `written` is complete once the block has ended without an error. When the block raises,
    the files already closed stay behind, referenced by nothing.
    """

    def __init__(self, folder: str, schema: pa.Schema, threads: int = WRITER_THREADS) -> None:
        self._folder = folder.removeprefix("s3://")
        self._threads_wanted = threads
        self._schema = schema
        self._filesystem = connections.s3_filesystem()
        self._queue: Queue[pa.RecordBatch | None] = Queue(QUEUED_BATCHES)
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.written = Written()

    def __enter__(self) -> ParquetStream:
        return self

    def write(self, rows: pa.RecordBatch) -> None:
        """Hand over rows of the stream's schema. Raises what a writer thread met."""
        if self._failure:
            raise self._failure
        if rows.num_rows == 0:
            return
        if len(self._threads) < self._threads_wanted:  # a small table needs one file, not one a thread
            thread = threading.Thread(target=self._drain, name="parquet-writer", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._queue.put(rows)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            self._failure = self._failure or RuntimeError("the rows ended early")
        for _thread in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        if self._failure and not kind:
            raise self._failure

    def _drain(self) -> None:
        """One writer thread: files are filled in turn until the end mark comes."""
        file: _OpenFile | None = None
        while (rows := self._queue.get()) is not None:
            if self._failure:
                continue  # empty the queue, so that the reader is never blocked by a dead writer
            try:
                file = file or _OpenFile(self._filesystem, self._folder, self._schema)
                file.write(rows)
                if file.size >= TARGET_FILE_BYTES:
                    self._close(file)
                    file = None
            except BaseException as error:  # handed to the reader, which raises it
                self._failure = error
        if file and not self._failure:
            try:
                self._close(file)
            except BaseException as error:
                self._failure = error

    def _close(self, file: _OpenFile) -> None:
        file.close()
        with self._lock:
            self.written.rows += file.rows
            self.written.bytes += file.size
            self.written.files += (f"s3://{file.path}",)


class _OpenFile:
    def __init__(self, filesystem: S3FileSystem, folder: str, schema: pa.Schema) -> None:
        self.path = f"{folder}/{uuid.uuid4()}.parquet"
        self.rows = 0
        self._schema = schema
        self._group: list[pa.RecordBatch] = []
        self._group_rows = 0
        self._stream = filesystem.open_output_stream(self.path)
        self._writer = pq.ParquetWriter(
            self._stream,
            schema,
            compression="snappy",
            use_dictionary=_dictionary_columns(schema),
            dictionary_pagesize_limit=DICTIONARY_BYTES,
        )

    @property
    def size(self) -> int:
        return self._final_size if self._stream.closed else self._stream.tell()

    def write(self, rows: pa.RecordBatch) -> None:
        self.rows += rows.num_rows
        self._group.append(rows)
        self._group_rows += rows.num_rows
        if self._group_rows >= ROW_GROUP_ROWS:
            self._write_group()

    def close(self) -> None:
        if self._group:
            self._write_group()
        self._writer.close()
        self._final_size = self._stream.tell()
        self._stream.close()

    def _write_group(self) -> None:
        rows = pa.Table.from_batches(self._group, self._schema)
        self._group, self._group_rows = [], 0
        self._writer.write_table(rows, row_group_size=rows.num_rows)


def _dictionary_columns(schema: pa.Schema) -> list[str]:
    """Columns worth a dictionary: not numbers and instants, whose values hardly repeat and cost time to look up."""
    return [
        field.name
        for field in schema
        if pa.types.is_string(field.type) or pa.types.is_date(field.type) or field in BATCH_FIELDS
    ]


class BatchWriter:
    """One batch of one Bronze table. The block's rows replace the batch when the block ends without an error.

    write() takes the table's source columns (and _file, _line, _rest where rows come in files); the batch's own
    columns are added here. Columns that the table lacks are added to it, as carried gives them. What repairs of the
    batch brought, at the times in `repaired`, stays: an extraction would not find it again.
    """

    def __init__(
        self,
        table: TableSpec,
        batch: Batch,
        extracted_at: datetime,
        carried: Sequence[pa.Field] = (),
        threads: int = WRITER_THREADS,
        repaired: Sequence[datetime] = (),
    ) -> None:
        from tieout.bronze.schema import arrow_schema

        self._table, self._batch, self._extracted_at, self._repaired = table, batch, extracted_at, repaired
        described = arrow_schema(table)
        payload = [field for field in described if field not in BATCH_FIELDS]
        self.schema = pa.schema([*payload, *carried, *BATCH_FIELDS])
        self._bronze: Table = connections.iceberg_catalog().load_table((NAMESPACE, table.identifier))
        add_columns(self._bronze, self.schema)
        self._stream = ParquetStream(f"{self._bronze.location()}/data/_batch={batch}", self.schema, threads)

    @property
    def written(self) -> Written:
        return self._stream.written

    def last_extraction_before(self, day: date) -> datetime | None:
        """When the newest batch before a day was read; None when there is none, or its commit has expired."""
        # Commits of repairs and of the weekly upkeep name no batch.
        commits = [snapshot.summary for snapshot in self._bronze.metadata.snapshots if snapshot.summary]
        times = [
            datetime.fromisoformat(commit[_EXTRACTED_AT])
            for commit in commits
            if (commit.get(_BATCH) or "9") < str(day)
        ]
        return max(times, default=None)

    def __enter__(self) -> BatchWriter:
        return self

    def write(self, rows: pa.RecordBatch, op: str = UPSERT) -> None:
        """Take rows of any of the table's columns; a column they leave out is NULL."""
        count = rows.num_rows
        meta = {
            "_batch": pa.repeat(pa.scalar(self._batch.day, pa.date32()), count),
            "_extracted_at": pa.repeat(pa.scalar(self._extracted_at, pa.timestamp("us", tz="UTC")), count),
            "_op": pa.repeat(pa.scalar(op, pa.string()), count),
        }
        given = dict(zip(rows.schema.names, rows.columns, strict=True)) | meta
        columns = [given[field.name] if field.name in given else pa.nulls(count, field.type) for field in self.schema]
        self._stream.write(pa.RecordBatch.from_arrays(columns, schema=self.schema))

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._stream.__exit__(kind, *rest)
        if kind is None:
            self._commit()

    def _commit(self) -> None:
        from pyiceberg.expressions import And, EqualTo, NotIn

        replaced: BooleanExpression = EqualTo("_batch", str(self._batch))
        if self._repaired:
            replaced = And(replaced, NotIn("_extracted_at", {time.isoformat() for time in self._repaired}))
        commit = {_BATCH: str(self._batch), _EXTRACTED_AT: self._extracted_at.isoformat()}
        replace_files(self._bronze, replaced, self.written.files, commit)


class RepairWriter(BatchWriter):
    """Rows that come to a batch beside those it has. Its commit is no batch: windows do not start from it."""

    def _commit(self) -> None:
        replace_files(self._bronze, None, self.written.files, {_REPAIRED: str(self._batch)})


def replace_files(
    table: Table,
    replaced: BooleanExpression | None,
    files: Sequence[str],
    properties: Mapping[str, str] = _NO_PROPERTIES,
) -> None:
    """One atomic commit: the rows that `replaced` (an Iceberg expression, None for no row) names go, the files come.

    properties are kept in the commit's summary, which the table's `$snapshots` shows.
    Another writer's commit in between is met by trying again on the newer table, a bounded number of times.
    """
    from pyiceberg.exceptions import CommitFailedException

    for attempt in range(1, COMMIT_ATTEMPTS + 1):
        try:
            with table.transaction() as transaction:
                if replaced is not None and table.current_snapshot() is not None:
                    transaction.delete(replaced, snapshot_properties=dict(properties))
                if files:
                    # Names are fresh uuids: looking for them among all files of the table would cost time for nothing.
                    transaction.add_files(
                        list(files), snapshot_properties=dict(properties), check_duplicate_files=False
                    )
            return
        except CommitFailedException:
            if attempt == COMMIT_ATTEMPTS:
                raise
            table.refresh()
