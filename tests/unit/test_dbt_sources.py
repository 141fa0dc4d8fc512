"""The dbt project against config/sources: what is generated is up to date, what is written by hand agrees."""

import re
from pathlib import Path

import pytest

from tieout.dbt_sources import MODELS, render, silver_columns
from tieout.sources import TableSpec, load_sources

TABLES = [table for source in load_sources().values() for table in source.tables]
all_tables = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.identifier)


def model_file(table: TableSpec) -> Path:
    return MODELS / "silver" / table.source / f"stg_{table.identifier}.sql"


@pytest.mark.parametrize("path", render(), ids=lambda path: str(path.relative_to(MODELS)))
def test_committed_file_is_what_config_sources_gives(path):
    remedy = "config/sources changed: run `python -m tieout.dbt_sources` and commit the result"
    assert path.read_text() == render()[path], remedy


def test_every_silver_model_has_its_table():
    assert {file.stem for file in (MODELS / "silver").rglob("*.sql")} == {f"stg_{t.identifier}" for t in TABLES}


@all_tables
def test_silver_model_lists_the_columns_of_its_table(table):
    select_list = model_file(table).read_text().split("final as (")[1].split("\n    from source")[0]
    expressions = re.sub(r"--.*", "", select_list.split("select", 1)[1])
    names = [re.split(r"[\s.]", item.strip())[-1] for item in re.split(r",\n", expressions)]
    assert sorted(names) == sorted(silver_columns(table))


@all_tables
def test_silver_model_reads_and_merges_by_the_key_of_its_table(table):
    text = model_file(table).read_text()
    by_key = f"source('{table.source}', '{table.name}'), key={list(table.key)}" in text
    # Stripe's tables of money are read by a macro of their own, whose key is the object's id
    by_id = table.source == "stripe" and table.key == ("id",) and f"newest_of_stripe('{table.name}'" in text
    assert by_key or by_id
    assert f"config(unique_key={[table.column(name).silver for name in table.key]}" in text


@all_tables
def test_silver_model_renames_as_config_says(table):
    text = model_file(table).read_text()
    marks = [column for column in table.columns if column.marks_deletion]
    for column in marks:
        assert re.search(rf"coalesce\((source\.)?{column.name}, false\) as is_deleted\b", text)
    assert marks or re.search(r"\bfalse as is_deleted\b", text) or table.kind == "postgres"
    for column in table.columns:
        if column in marks:
            continue
        named = (
            rf"\b{column.name}\b( as {column.silver}|,|\n)" if column.name != column.silver else rf"\b{column.name}\b"
        )
        assert re.search(named, text), f"{column.name} does not become {column.silver}"
        if column.name != column.silver:
            assert re.search(rf"\b{column.name} as {column.silver}\b", text)


def test_minor_units_get_an_exact_amount_beside_them():
    charges = next(table for table in TABLES if table.identifier == "stripe__charges")
    assert {"amount_minor", "amount", "amount_refunded_minor", "amount_refunded", "is_currency_known"} <= set(
        silver_columns(charges)
    )
