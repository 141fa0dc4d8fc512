"""A source table that is not as described stops before anything is read; the error says what to do."""

import dataclasses

import pytest

from tieout.errors import SchemaError
from tieout.extract.source_schema import SourceTable, carried_fields, check
from tieout.sources import load_table

CURRENCIES = load_table("app_db", "currencies")
FOUND = SourceTable(
    {
        "code": "character(3)",
        "name": "text",
        "minor_unit": "integer",
        "created_at": "timestamp with time zone",
        "updated_at": "timestamp with time zone",
    },
    frozenset({frozenset({"code"})}),
)


def with_columns(**changes: str | None) -> SourceTable:
    columns = {name: type_ for name, type_ in (FOUND.columns | changes).items() if type_ is not None}
    return dataclasses.replace(FOUND, columns=columns)


def test_a_table_as_described_carries_nothing() -> None:
    assert check(CURRENCIES, FOUND) == ()


@pytest.mark.parametrize(
    ("found", "message"),
    [
        pytest.param(None, r"app_db\.public\.currencies: expected a table, found none", id="no table"),
        pytest.param(
            with_columns(name=None), r"column name: expected text, found no such column: change the table", id="missing"
        ),
        pytest.param(with_columns(minor_unit="text"), r"column minor_unit: expected integer, found text", id="retyped"),
        pytest.param(
            with_columns(minor_unit="bigint"), r"column minor_unit: expected integer, found bigint", id="widened"
        ),
        pytest.param(
            with_columns(minor_unit="numeric"),
            r"found numeric without precision.*alter table public\.currencies alter column minor_unit",
            id="bare numeric",
        ),
        pytest.param(
            with_columns(budget="numeric"), r"column budget: .*numeric without precision", id="bare numeric, new"
        ),
        pytest.param(
            dataclasses.replace(FOUND, unique_keys=frozenset({frozenset({"name"})})),
            r"key \(code\): expected a primary key or unique index on it, found \(name\)",
            id="another key",
        ),
        pytest.param(dataclasses.replace(FOUND, unique_keys=frozenset()), r"key \(code\): .*found none", id="no key"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(found: SourceTable | None, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        check(CURRENCIES, found)


@pytest.mark.parametrize(
    ("type_", "carried"),
    [
        ("numeric(20,10)", "numeric(20,10)"),
        ("numeric(38,0)", "numeric(38,0)"),
        ("numeric(40,10)", "text"),
        ("numeric(3,5)", "text"),
        ("numeric(5,-2)", "text"),
        ("character varying(40)", "text"),
        ("jsonb", "json"),
        ("smallint", "integer"),
        ("text[]", "text"),
        ("character(2)", "char(2)"),
    ],
)
def test_a_new_column_is_carried(type_: str, carried: str) -> None:
    (column,) = check(CURRENCIES, with_columns(note=type_))
    assert (column.name, column.type, column.nullable) == ("note", carried, True)
    assert [field.name for field in carried_fields((column,))] == ["note"]
