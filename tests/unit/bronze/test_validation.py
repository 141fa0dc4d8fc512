"""The expectations of a table follow from its description."""

from types import SimpleNamespace

import great_expectations.expectations as gxe
import pytest

from tieout.bronze import validation
from tieout.bronze.validation import suite_of
from tieout.errors import ExtractionError
from tieout.sources import load_table


def expectations(source: str, table: str, deleted: int = 0) -> set[tuple[str, str | None, bool]]:
    """(expectation, column, whether marks of deletion are left out)."""
    found = set()
    for expectation in suite_of(load_table(source, table), ["JPY", "USD"], 7, deleted):
        kwargs = expectation.configuration.kwargs
        column = kwargs.get("column")
        found.add((expectation.expectation_type, column, bool(kwargs.get("row_condition"))))
    return found


def test_a_database_table() -> None:
    assert ("expect_column_values_to_not_be_null", "amount", False) in expectations("app_db", "payments")
    found = expectations("app_db", "payments", deleted=1)
    assert ("expect_column_values_to_not_be_null", "id", False) in found
    assert ("expect_column_values_to_not_be_null", "amount", True) in found
    assert ("expect_column_proportion_of_unique_values_to_be_between", "id", False) in found
    assert ("expect_column_values_to_be_in_set", "currency", False) in found
    nullable = {column.name for column in load_table("app_db", "payments").columns if column.nullable}
    assert nullable
    assert not nullable & {column for kind, column, _ in found if kind == "expect_column_values_to_not_be_null"}


def test_a_delivered_table_may_hold_a_key_twice() -> None:
    found = expectations("stripe", "charges")
    assert ("expect_column_values_to_not_be_null", "amount", False) in found
    assert not any("unique" in kind for kind, _, _ in found)


def test_a_table_without_currency_is_not_held_against_the_list() -> None:
    found = expectations("netsuite", "transactionline")
    assert ("expect_column_values_to_be_in_set", "currency", False) not in found
    assert {column for kind, column, _ in found if kind == "expect_column_values_to_not_be_null"} >= {
        "transaction",
        "id",
    }


def test_rows_are_counted_and_currencies_known_in_either_case() -> None:
    suite = suite_of(load_table("stripe", "charges"), ["JPY", "USD"], 7, 0)
    kwargs = [expectation.configuration.kwargs for expectation in suite]
    assert any(k.get("value") == 7 for k in kwargs)
    assert any(k.get("value_set") == ["JPY", "USD", "jpy", "usd"] for k in kwargs)


def test_of_no_rows_no_share_is_asked_to_be_unique() -> None:
    suite = suite_of(load_table("app_db", "customers"), ["USD"], 0, 0)
    types = {expectation.expectation_type for expectation in suite}
    assert "expect_table_row_count_to_equal" in types
    assert "expect_column_proportion_of_unique_values_to_be_between" not in types


def test_a_failure_that_cannot_be_looked_at_again_is_named() -> None:
    config = gxe.ExpectColumnValuesToNotBeNull(column="name").configuration
    failed = SimpleNamespace(success=False, expectation_config=config, exception_info={"raised_exception": False})
    lost = {"metric": {"raised_exception": True, "exception_message": "connection refused"}}
    again = SimpleNamespace(result={}, expectation_config=config, exception_info=lost)
    batch = SimpleNamespace(validate=lambda expectation, result_format: again)
    with pytest.raises(ExtractionError, match=r"customers: \w+not_be_null on name could not be judged: .*refused"):
        validation._finding(load_table("app_db", "customers"), batch, failed)
