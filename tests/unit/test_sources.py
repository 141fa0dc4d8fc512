"""config/sources is read as written, and a wrong description stops with the file and the column."""

from pathlib import Path

import pytest

from tieout.errors import ConfigError
from tieout.sources import DAILY, RARELY, load_source, load_sources, load_table

GOOD = """
source: shop
kind: postgres
schema: public
description: A shop.
common_columns:
  updated_at: {type: timestamptz, description: Last change.}
tables:
  orders:
    description: Orders.
    mode: incremental
    key: [id]
    cursor: updated_at
    currency: currency
    columns:
      id: {type: uuid, silver: order_id, description: Key.}
      currency: {type: char(3), description: Currency.}
      total: {type: "numeric(19,4)", money: true, description: Total.}
"""


def read(folder: Path, text: str):
    (folder / "shop.yml").write_text(text)
    return load_sources(folder)


def test_a_table_is_read_whole(tmp_path: Path) -> None:
    orders = read(tmp_path, GOOD)["shop"].tables[0]
    assert orders.bronze == "lake.bronze.shop__orders"
    assert orders.silver == "lake.silver.stg_shop__orders"
    assert [column.name for column in orders.columns] == ["id", "currency", "total", "updated_at"]
    assert [column.silver for column in orders.columns] == ["order_id", "currency", "total", "updated_at"]
    assert orders.column("total").numeric == (19, 4)
    assert [column.name for column in orders.money] == ["total"]


def test_a_key_of_one_column_may_be_written_without_brackets(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD.replace("key: [id]", "key: currency"))["shop"].tables[0].key == ("currency",)


def test_a_source_is_expected_daily_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD)["shop"].arrives == DAILY
    load_sources.cache_clear()
    assert read(tmp_path, GOOD.replace("kind: postgres", "kind: postgres\narrives: rarely"))["shop"].arrives == RARELY


BY_MONTH = "cursor: updated_at\n    tie_out: {mode: changed_months, month: updated_at}"


def test_a_table_is_tied_out_whole_unless_it_names_a_month(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD)["shop"].tables[0].month is None
    load_sources.cache_clear()
    assert read(tmp_path, GOOD.replace("cursor: updated_at", BY_MONTH))["shop"].tables[0].month == "updated_at"
    load_sources.cache_clear()
    whole = GOOD.replace("cursor: updated_at", "cursor: updated_at\n    tie_out: full")
    assert read(tmp_path, whole)["shop"].tables[0].month is None


@pytest.mark.parametrize(
    ("written", "message"),
    [
        pytest.param("tie_out: monthly", "tie_out is 'monthly', expected full or", id="unknown mode"),
        pytest.param("tie_out: {mode: changed_months}", "expected full or", id="no month"),
        pytest.param("tie_out: {mode: changed_months, month: total}", "month total, expected a column", id="no date"),
        pytest.param("tie_out: {mode: changed_months, month: gone}", "month gone, expected a column", id="no column"),
    ],
)
def test_a_wrong_way_to_tie_out_is_refused(tmp_path: Path, written: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, GOOD.replace("cursor: updated_at", f"cursor: updated_at\n    {written}"))


def test_delivered_files_are_compared_whole(tmp_path: Path) -> None:
    delivered = GOOD.replace("kind: postgres", "kind: landing").replace("cursor: updated_at", BY_MONTH)
    with pytest.raises(ConfigError, match="changed_months is for database tables"):
        read(tmp_path, delivered)


@pytest.mark.parametrize(
    ("found", "written", "message"),
    [
        pytest.param('"numeric(19,4)"', "numeric", r"column total: numeric needs precision", id="bare numeric"),
        pytest.param('"numeric(19,4)"', '"numeric(40,4)"', r"column total: numeric\(40,4\) has no exact", id="long"),
        pytest.param('"numeric(19,4)"', "money", r"column total: unknown type 'money'", id="unknown type"),
        pytest.param("key: [id]", "key: [number]", r"key names number", id="key that is no column"),
        pytest.param("cursor: updated_at", "cursor: changed", r"cursor names changed", id="cursor that is no column"),
        pytest.param("    cursor: updated_at\n", "", r"incremental needs a cursor", id="no cursor"),
        pytest.param("source: shop", "source: store", r"source is 'store', expected 'shop'", id="name of the file"),
        pytest.param("mode: incremental", "mode: daily", r"mode is 'daily'", id="unknown mode"),
        pytest.param("kind: postgres", "kind: postgres\narrives: never", r"arrives is 'never'", id="unknown rhythm"),
        pytest.param("silver: order_id", "silver: total", r"same name in Silver", id="two columns of one name"),
        pytest.param("silver: order_id", "silver: is_deleted", r"column id: is_deleted in Silver", id="mark of a row"),
        pytest.param(
            "money: true", "money: true, aliases: [sum]", r"aliases \(sum\) are for sources", id="alias of a row"
        ),
        pytest.param(
            "mode: inc", "first_batch: true\n    mode: inc", r"of delivered files only", id="first batch of a table"
        ),
        pytest.param(
            "kind: postgres", "kind: postgres\narrive: rarely", r"shop.yml: unknown entries arrive", id="misspelt"
        ),
        pytest.param("kind: postgres\n", "", r"shop.yml: no kind: see docs", id="no kind"),
        pytest.param("    description: Orders.\n", "", r"table orders: no description: see", id="table undescribed"),
        pytest.param(", description: Key.", "", r"column id: no description: see docs", id="column undescribed"),
        pytest.param(
            "{type: uuid, silver: order_id, description: Key.}", "uuid", r"column id: expected entries", id="text"
        ),
        pytest.param("key: [id]", "key: [id", r"shop.yml: it is no YAML: .*line", id="no YAML"),
        pytest.param("money: true", "moeny: true", r"unknown entries moeny", id="misspelt entry"),
    ],
)
def test_a_wrong_description_is_refused(tmp_path: Path, found: str, written: str, message: str) -> None:
    assert found in GOOD
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, GOOD.replace(found, written))


def test_a_file_may_deliver_a_column_under_another_name(tmp_path: Path) -> None:
    landing = GOOD.replace("kind: postgres\nschema: public", "kind: landing")
    table = read(tmp_path, landing.replace("money: true", "money: true, aliases: [sum, value]"))["shop"].tables[0]
    names = {name: column.name for name, column in table.delivered.items()}
    assert names.pop("sum") == names.pop("value") == "total"
    assert all(name == column for name, column in names.items()) and len(names) == 4
    assert table.missing(["id", "currency", "value", "updated_at", "other"]) == []
    assert table.missing(["id", "currency", "other"]) == ["total", "updated_at"]
    load_sources.cache_clear()
    with pytest.raises(ConfigError, match="alias currency names two columns"):
        read(tmp_path, landing.replace("money: true", "money: true, aliases: [currency]"))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no source is described"):
        load_sources(tmp_path)


def test_unknown_names_say_what_there_is() -> None:
    with pytest.raises(ConfigError, match="the sources are app_db, netsuite, planning, stripe, wealth"):
        load_source("sap")
    with pytest.raises(ConfigError, match="has no table orders"):
        load_table("stripe", "orders")


def test_money_of_the_app_database_is_exact_and_has_a_currency() -> None:
    for table in load_source("app_db").tables:
        for column in table.money:
            # What people type has the two digits that they type.
            expected = (18, 2) if table.name == "input_budget" else (19, 4)
            assert column.numeric == expected, f"{table.name}.{column.name}"
            assert table.currency, f"{table.name} has money and names no currency"
