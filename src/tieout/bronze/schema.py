"""The Bronze schema of a source table, and the tables themselves.

A Bronze table holds the source's columns under their own names, then what the lake knows of a row: the batch that
brought it, when it was read and whether it was an upsert or a delete. Rows that came in files say which file and line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from tieout.errors import SchemaError
from tieout.sources import ColumnSpec, TableSpec, load_sources

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

NAMESPACE = "bronze"
SCRATCH = "scratch"

_ARROW = {
    "uuid": pa.string(),
    "text": pa.string(),
    "json": pa.string(),
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "date": pa.date32(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "unix_time": pa.timestamp("us", tz="UTC"),
    "timestamp": pa.timestamp("us"),
}

BATCH_FIELDS = (
    pa.field("_batch", pa.date32(), nullable=True),
    pa.field("_extracted_at", pa.timestamp("us", tz="UTC"), nullable=True),
    pa.field("_op", pa.string(), nullable=True),
)
FILE_FIELDS = (
    pa.field("_file", pa.string(), nullable=True),
    pa.field("_line", pa.int64(), nullable=True),
    pa.field("_rest", pa.string(), nullable=True),
)

DESCRIPTIONS = {
    "_batch": "Batch that brought the row: the day its data interval starts.",
    "_extracted_at": "When the row was read; for a database, the time of the snapshot it was read in.",
    "_op": "upsert, or delete: the key is gone from the source and the other columns are NULL.",
    "_file": "File in the landing bucket that held the row.",
    "_line": "Line (or row) of that file, from 1.",
    "_rest": "Columns the file held beyond those described, as JSON.",
}

# Bronze files are written here and added to the table, so Iceberg knows their columns by name.
_PROPERTIES = {
    "format-version": "2",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}


def arrow_type(column: ColumnSpec) -> pa.DataType:
    """The Arrow type that holds every value of the column exactly."""
    if column.numeric:
        return pa.decimal128(*column.numeric)
    return pa.string() if column.type.startswith("char(") else _ARROW[column.type]


def source_schema(table: TableSpec) -> pa.Schema:
    """The source's columns alone, as config/sources describes them."""
    return pa.schema([pa.field(column.name, arrow_type(column)) for column in table.columns])


def arrow_schema(table: TableSpec) -> pa.Schema:
    """All columns of the Bronze table: the source's, the file's where rows come in files, and the batch's."""
    files = FILE_FIELDS if table.kind == "landing" else ()
    return pa.schema([*source_schema(table), *files, *BATCH_FIELDS])


def ensure_bronze_tables(catalog: Catalog) -> None:
    """Make the Bronze table of every described source table that has none yet, and add columns described since."""
    existing = {name for _, name in catalog.list_tables(NAMESPACE)}
    for source in load_sources().values():
        for table in source.tables:
            if table.identifier in existing:
                add_columns(catalog.load_table((NAMESPACE, table.identifier)), arrow_schema(table))
            else:
                _create(catalog, table)


def add_columns(bronze: Table, wanted: pa.Schema) -> list[str]:
    """Add the columns that the Bronze table lacks; returns their names.

    Raises SchemaError when a column is there with another type: old batches would not be read rightly any more.
    """
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    present = {field.name: field.type for field in schema_to_pyarrow(bronze.schema(), include_field_ids=False)}
    changed = [
        f"{field.name} is {present[field.name]} there and {field.type} here"
        for field in wanted
        if field.name in present and _plain(present[field.name]) != field.type
    ]
    if changed:
        raise SchemaError(
            f"{'.'.join(bronze.name())}: {'; '.join(changed)}. Bronze keeps one type per column: "
            "give the column a new name in the source, or rename the old Bronze column"
        )
    missing = [field for field in wanted if field.name not in present]
    if missing:
        with bronze.update_schema() as update:
            update.union_by_name(pa.schema(missing))
    return [field.name for field in missing]


def _plain(type_: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_large_string(type_) else type_


def _create(catalog: Catalog, table: TableSpec) -> None:
    from pyiceberg.exceptions import TableAlreadyExistsError
    from pyiceberg.io.pyarrow import _pyarrow_to_schema_without_ids
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.schema import Schema, assign_fresh_schema_ids
    from pyiceberg.transforms import IdentityTransform

    described = {column.name: column.description for column in table.columns} | DESCRIPTIONS
    bare = assign_fresh_schema_ids(_pyarrow_to_schema_without_ids(arrow_schema(table)))
    schema = Schema(*(field.model_copy(update={"doc": described[field.name]}) for field in bare.fields))
    partition = PartitionField(schema.find_field("_batch").field_id, 1000, IdentityTransform(), "_batch")
    try:
        catalog.create_table(
            (NAMESPACE, table.identifier),
            schema=schema,
            partition_spec=PartitionSpec(partition),
            properties=_PROPERTIES | {"comment": table.description},
        )
    except TableAlreadyExistsError:  # another process bootstraps at the same time
        return
