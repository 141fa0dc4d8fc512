"""What dbt knows of the source tables, made from config/sources: run `python -m tieout.dbt_sources` after a change.

Two files a source: dbt/models/sources/<source>.yml (the Bronze tables) and dbt/models/silver/<source>/<source>.yml
(descriptions and grain of the Silver models). They are committed, so that dbt runs without this module; a test fails
when they part from config/sources. What is not in config/sources is deliberately absent here: unit tests stand in
dbt/models/silver/<source>/unit_tests.yml, tests of content in dbt/tests/silver.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from tieout.settings import PROJECT_ROOT
from tieout.sources import ColumnSpec, Source, TableSpec, load_sources

MODELS = PROJECT_ROOT / "dbt" / "models"

_HEADER = "# Made from config/sources/{}.yml by `python -m tieout.dbt_sources`: change it there.\n"

_LINEAGE = {
    "is_deleted": "Whether the source has deleted the row; the other columns are as it last was.",
    "_batch": "Batch of the newest version: the day its data interval starts.",
    "_extracted_at": "When the newest version, or the deletion, was read.",
}
_DATABASE_LINEAGE = {
    "_values_at": "When the values were read; earlier than _extracted_at if the row was deleted since."
}
_FILE_LINEAGE = {
    "_file": "File in the landing bucket that held the newest version.",
    "_line": "Line (or row) of that file, from 1.",
}
_FIRST_BATCH = {"_first_batch": "Batch that brought the key first."}


def render() -> dict[Path, str]:
    """The text of every file, by its absolute path."""
    files = {}
    for source in load_sources().values():
        header = _HEADER.format(source.name)
        files[MODELS / "sources" / f"{source.name}.yml"] = header + _dump(_sources_document(source))
        files[MODELS / "silver" / source.name / f"{source.name}.yml"] = header + _dump(_silver_document(source))
    return files


def write() -> None:
    """Write every file of render()."""
    for path, text in render().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def silver_columns(table: TableSpec) -> dict[str, str]:
    """The columns of the table's Silver model: name to description."""
    columns: dict[str, str] = {}
    for column in table.columns:
        if column.marks_deletion:
            continue  # among the lineage, as every table has it
        columns[column.silver] = column.description.replace(" in lower case", "")  # Silver has upper case only
        if _is_minor(column):
            columns[decimal_name(column)] = f"{_without_unit(column.description)} in units of its currency, exact."
    if any(_is_minor(column) for column in table.columns):
        columns["is_currency_known"] = (
            "Whether the currency is in stg_app_db__currencies; if not, the exact amounts are NULL until it is."
        )
    lineage = _LINEAGE | (_FILE_LINEAGE if table.kind == "landing" else _DATABASE_LINEAGE)
    return columns | lineage | (_FIRST_BATCH if table.first_batch else {})


def decimal_name(column: ColumnSpec) -> str:
    """Name of the exact amount beside a column of minor units: amount for amount_minor."""
    return column.silver.removesuffix("_minor")


def _is_minor(column: ColumnSpec) -> bool:
    return column.money and column.type == "bigint"


def _without_unit(description: str) -> str:
    return description.removesuffix(".").removesuffix(" in minor units")


def _sources_document(source: Source) -> dict:
    return {
        "version": 2,
        "sources": [
            {
                "name": source.name,
                "description": source.description,
                "database": "lake",
                "schema": "bronze",
                "tables": [
                    {
                        "name": table.name,
                        "identifier": table.identifier,
                        "description": table.description,
                        "config": {"meta": {"key": list(table.key), "cursor": table.cursor, "mode": table.mode}},
                        "columns": [
                            {"name": column.name, "description": column.description} for column in table.columns
                        ],
                    }
                    for table in source.tables
                ],
            }
        ],
    }


def _silver_document(source: Source) -> dict:
    return {
        "version": 2,
        "models": [
            {
                "name": f"stg_{table.identifier}",
                "description": f"{table.description} One current row per key; rows deleted at the source are marked.",
                "data_tests": [{"grain": {"arguments": {"key": [table.column(name).silver for name in table.key]}}}],
                "columns": [
                    {"name": name, "description": description} for name, description in silver_columns(table).items()
                ],
            }
            for table in source.tables
        ],
    }


def _dump(document: dict) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=110, allow_unicode=True)


if __name__ == "__main__":
    write()
