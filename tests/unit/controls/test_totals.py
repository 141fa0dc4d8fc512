"""Control totals as they are put together from the engines' rows."""

from decimal import Decimal

import pytest

from tieout.controls.checksum import POSTGRES, SILVER
from tieout.controls.totals import measures, select_totals
from tieout.errors import ConfigError
from tieout.sources import ColumnSpec, TableSpec, load_table


def test_measures_add_up_the_currencies():
    table = load_table("app_db", "ar_invoices")
    rows = [
        ("EUR", 2, Decimal(10), Decimal("1.0000"), Decimal("0.1000"), Decimal("1.1000")),
        ("JPY", 1, Decimal(5), Decimal("7.0000"), Decimal("0.0000"), Decimal("7.0000")),
    ]
    assert measures(table, rows) == {
        "rows": 3,
        "checksum": 15,
        "sum:subtotal_amount:EUR": Decimal("1.0000"),
        "sum:tax_amount:EUR": Decimal("0.1000"),
        "sum:total_amount:EUR": Decimal("1.1000"),
        "sum:subtotal_amount:JPY": Decimal("7.0000"),
        "sum:tax_amount:JPY": Decimal("0.0000"),
        "sum:total_amount:JPY": Decimal("7.0000"),
    }


def test_checksums_beyond_28_digits_stay_exact():
    large = Decimal(10**33 + 1)
    table = load_table("app_db", "customers")
    assert measures(table, [("EUR", 1, large), ("USD", 1, Decimal(1))])["checksum"] == 10**33 + 2


def test_an_empty_table_has_no_rows_and_no_checksum():
    assert measures(load_table("app_db", "payments"), []) == {"rows": 0, "checksum": 0}


def test_each_engine_names_columns_its_own_way():
    table = load_table("app_db", "ar_invoices")
    assert '"id"' in select_totals(table, POSTGRES, "t")
    assert '"invoice_id"' in select_totals(table, SILVER, "t")


def test_money_finer_than_a_control_total_is_refused():
    fine = ColumnSpec("price", "numeric(20,6)", "price", "A price.", money=True)
    key = ColumnSpec("id", "bigint", "id", "Key.")
    table = TableSpec("s", "postgres", "public", "t", "T.", "full", ("id",), None, None, (key, fine))
    with pytest.raises(ConfigError, match=r"s\.t\.price is money of type numeric\(20,6\)"):
        select_totals(table, POSTGRES, "t")
