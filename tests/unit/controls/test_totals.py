"""Control totals as they are put together from the engines' rows."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tieout.controls.checksum import POSTGRES, SILVER
from tieout.controls.totals import measures, select_totals
from tieout.errors import ConfigError
from tieout.sources import ColumnSpec, TableSpec, load_table


def test_measures_add_up_the_currencies():
    table = load_table("app_db", "ar_invoices")
    rows = [
        (None, "EUR", 2, Decimal(10), Decimal("1.0000"), Decimal("0.1000"), Decimal("1.1000")),
        (None, "JPY", 1, Decimal(5), Decimal("7.0000"), Decimal("0.0000"), Decimal("7.0000")),
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
    assert measures(table, [(None, "EUR", 1, large), (None, "USD", 1, Decimal(1))])["checksum"] == 10**33 + 2


def test_an_empty_table_has_no_rows_and_no_checksum():
    assert measures(load_table("app_db", "payments"), []) == {"rows": 0, "checksum": 0}


def test_months_are_measured_apart():
    table = replace(load_table("app_db", "payments"), month="created_at")
    rows = [
        ("2026-09", "EUR", 2, Decimal(10), Decimal("1.0000")),
        ("2026-11", "EUR", 1, Decimal(5), Decimal("7.0000")),
        ("2026-11", "JPY", 1, Decimal(3), Decimal("9.0000")),
    ]
    # of a month that was asked for and has no row, the other side may have some
    assert measures(table, rows, ("2026-08", "2026-09", "2026-11")) == {
        "months": 3,
        "rows@2026-08": 0,
        "checksum@2026-08": 0,
        "rows@2026-09": 2,
        "checksum@2026-09": 10,
        "sum:amount:EUR@2026-09": Decimal("1.0000"),
        "rows@2026-11": 2,
        "checksum@2026-11": 8,
        "sum:amount:EUR@2026-11": Decimal("7.0000"),
        "sum:amount:JPY@2026-11": Decimal("9.0000"),
    }
    assert measures(table, [], ()) == {"months": 0}


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
