"""The app database refuses nonsense, and is what config/sources/app_db.yml says it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.app_database import Connect, app_database

from tieout.sources import load_sources

pytestmark = pytest.mark.integration

TABLES = {table.name: table for table in load_sources()["app_db"].tables}
# What feeds no table of Gold is kept out of public, whose tables are all extracted.
NOT_EXTRACTED = {
    "access": {"users", "memberships", "visible_organizations"},
    "budgeting": {"budget_proposals", "budget_justifications", "work_items", "budget_audit"},
    "review": {"ml_alert_status"},
}


@pytest.fixture(scope="module")
def connect(stack: None) -> Iterator[Connect]:
    with app_database("test_app_schema") as connect:
        yield connect


@pytest.fixture
def db(connect: Connect) -> Iterator[psycopg.Connection]:
    """A connection whose work is rolled back."""
    with connect() as conn:
        yield conn
        conn.rollback()


def insert(db: psycopg.Connection, table: str, **values: Any) -> Any:
    """Insert one row and return its id."""
    statement = sql.SQL("insert into {} ({}) values ({}) returning id").format(
        sql.Identifier(*table.split(".")),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join([sql.Placeholder()] * len(values)),
    )
    return db.execute(statement, list(values.values())).fetchone()[0]


class Books:
    """Two organizations; the first has one row of everything that others refer to."""

    def __init__(self, db: psycopg.Connection) -> None:
        self.db = db
        self.org = insert(db, "organizations", name="One", country="US", base_currency="USD")
        self.other = insert(db, "organizations", name="Two", country="JP", base_currency="JPY")
        party = {"name": "X", "country": "US", "currency": "USD", "payment_terms_days": 30}
        self.customer = insert(db, "customers", org_id=self.org, customer_number="C1", **party)
        self.stranger = insert(db, "customers", org_id=self.other, customer_number="C1", **party)
        self.supplier = insert(db, "suppliers", org_id=self.org, supplier_number="S1", **party)
        account = {"account_code": "1000", "name": "Cash", "account_type": "asset", "normal_side": "debit"}
        self.account = insert(db, "gl_accounts", org_id=self.org, **account)
        self.other_account = insert(db, "gl_accounts", org_id=self.other, **account)
        self.bank = self.add("bank_accounts")
        self.instrument = self.add("instruments")
        self.foreign_instrument = self.add("instruments", org_id=self.other)
        self.invoice = self.add("ar_invoices")
        self.bill = self.add("ap_bills")
        self.payment = self.add("payments")
        self.payout = self.add(
            "payments", direction="out", customer_id=None, supplier_id=self.supplier, processor_reference="ch_out"
        )
        self.program = self.add("program_budgets", program_code="P0")
        self.line = self.add("budget_line_items", line_number="0")
        self.allotment = self.add("allotments", reference="A0")
        self.obligation = self.add("obligations", reference="O0")
        self.proposal = self.add("budgeting.budget_proposals")

    def add(self, table: str, **changes: Any) -> Any:
        """Insert a good row of ``table``, but for ``changes``."""
        budgeted = {"currency": "USD", "amount": Decimal("100"), "entry_date": "2026-01-02"}
        amounts = {"subtotal_amount": Decimal("100"), "tax_amount": Decimal("10"), "total_amount": Decimal("110")}
        good: dict[str, dict[str, Any]] = {
            "organizations": {"name": "Three", "country": "DE", "base_currency": "EUR"},
            "fx_rates": {
                "org_id": self.org,
                "from_currency": "EUR",
                "to_currency": "USD",
                "rate_type": "spot",
                "rate_date": "2026-01-02",
                "rate": Decimal("1.0987654321"),
            },
            "customers": {
                "org_id": self.org,
                "customer_number": "C2",
                "name": "X",
                "country": "391",
                "currency": "USD",
                "payment_terms_days": 0,
            },
            "gl_accounts": {
                "org_id": self.org,
                "account_code": "9",
                "name": "X",
                "account_type": "equity",
                "normal_side": "credit",
            },
            "bank_accounts": {
                "org_id": self.org,
                "name": "Main",
                "account_number": "****1234",
                "currency": "USD",
                "opened_on": "2026-01-01",
            },
            "ar_invoices": {
                "org_id": self.org,
                "customer_id": getattr(self, "customer", None),
                "invoice_number": f"I-{datetime.now(UTC).timestamp()}",
                "status": "issued",
                "currency": "USD",
                **amounts,
                "invoice_date": "2026-01-02",
                "due_date": "2026-02-01",
            },
            "ap_bills": {
                "org_id": self.org,
                "supplier_id": getattr(self, "supplier", None),
                "bill_number": f"B-{datetime.now(UTC).timestamp()}",
                "status": "approved",
                "currency": "USD",
                **amounts,
                "bill_date": "2026-01-02",
                "due_date": "2026-02-01",
            },
            "payments": {
                "org_id": self.org,
                "direction": "in",
                "status": "succeeded",
                "customer_id": getattr(self, "customer", None),
                "supplier_id": None,
                "bank_account_id": getattr(self, "bank", None),
                "currency": "USD",
                "amount": Decimal("100"),
                "payment_date": "2026-01-20",
                "processor": "stripe",
                "processor_reference": "ch_1",
            },
            "payment_allocations": {
                "org_id": self.org,
                "payment_id": getattr(self, "payment", None),
                "ar_invoice_id": getattr(self, "invoice", None),
                "currency": "USD",
                "amount": Decimal("60"),
                "allocated_on": "2026-01-20",
            },
            "credit_notes": {
                "org_id": self.org,
                "credit_note_number": "N1",
                "ar_invoice_id": getattr(self, "invoice", None),
                "status": "issued",
                "currency": "USD",
                "amount": Decimal("5"),
                "issued_on": "2026-01-10",
            },
            "bank_transactions": {
                "org_id": self.org,
                "bank_account_id": getattr(self, "bank", None),
                "currency": "USD",
                "amount": Decimal("-5"),
                "booked_on": "2026-01-10",
            },
            "bank_category_rules": {"name": "Rent", "priority": 1, "section": "operating", "category": "rent"},
            "instruments": {
                "org_id": self.org,
                "symbol": "ACME",
                "name": "X",
                "instrument_type": "equity",
                "isin": "US0000000013",
                "currency": "USD",
            },
            "instrument_prices": {
                "org_id": self.org,
                "instrument_id": getattr(self, "instrument", None),
                "price_date": "2026-01-02",
                "price": Decimal("0.0000000001"),
            },
            "trades": {
                "org_id": self.org,
                "trade_number": "T1",
                "portfolio": "Growth",
                "instrument_id": getattr(self, "instrument", None),
                "trade_type": "sell",
                "traded_at": "2026-01-02 12:00:00+00",
                "currency": "USD",
                "quantity": Decimal("999999999999999999.9999999999"),
                "amount": Decimal("100"),
                "fee_amount": Decimal("1"),
                "fee_quantity": Decimal("0.0000000001"),
            },
            "gl_entries": {
                "org_id": self.org,
                "journal_id": self.org,
                "account_id": getattr(self, "account", None),
                "entry_date": "2026-01-02",
                "currency": "USD",
                "amount": Decimal("1"),
            },
            "program_budgets": {
                "org_id": self.org,
                "program_code": "P1",
                "name": "X",
                "fiscal_year": 2026,
                "currency": "USD",
                "adopted_on": "2026-01-02",
            },
            "budget_line_items": {
                "org_id": self.org,
                "program_budget_id": getattr(self, "program", None),
                "account_id": getattr(self, "account", None),
                "line_number": "1",
                **budgeted,
            },
            "allotments": {
                "org_id": self.org,
                "budget_line_item_id": getattr(self, "line", None),
                "quarter": 1,
                "reference": "A1",
                **budgeted,
                "amount": Decimal("40"),
            },
            "obligations": {
                "org_id": self.org,
                "allotment_id": getattr(self, "allotment", None),
                "reference": "O1",
                **budgeted,
                "amount": Decimal("20"),
            },
            "disbursements": {
                "org_id": self.org,
                "obligation_id": getattr(self, "obligation", None),
                "reference": "D1",
                **budgeted,
                "amount": Decimal("10"),
            },
            "budgeting.budget_proposals": {
                "org_id": self.org,
                "program_code": "P1",
                "name": "X",
                "fiscal_year": 2027,
                "currency": "USD",
                "amount": Decimal("1"),
                "proposed_by": "ada",
            },
            "budgeting.budget_justifications": {
                "org_id": self.org,
                "budget_proposal_id": getattr(self, "proposal", None),
                "justification": "X",
                "written_by": "ada",
            },
            "budgeting.work_items": {
                "org_id": self.org,
                "budget_proposal_id": getattr(self, "proposal", None),
                "title": "X",
            },
        }
        return insert(self.db, table, **{**good[table], **changes})

    def id_of(self, value: Any) -> Any:
        """``value``, or this object's id of that name when it is written as @name."""
        return getattr(self, value[1:]) if isinstance(value, str) and value.startswith("@") else value


@pytest.fixture
def books(db: psycopg.Connection) -> Books:
    return Books(db)


def test_tables_and_columns_are_those_of_the_source_description(db: psycopg.Connection) -> None:
    found = db.execute(
        """
        select table_name, column_name, is_nullable = 'YES',
          case
            when data_type = 'numeric' then format('numeric(%s,%s)', numeric_precision, numeric_scale)
            when data_type = 'character' then format('char(%s)', character_maximum_length)
            when data_type = 'timestamp with time zone' then 'timestamptz'
            else data_type
          end
        from information_schema.columns where table_schema = 'public'
        """
    ).fetchall()
    described = [
        (name, column.name, column.nullable, column.type.replace(" ", ""))
        for name, table in sorted(TABLES.items())
        for column in table.columns
    ]
    # A column that a later migration adds stands last in its table.
    assert sorted(found) == sorted(described)


def test_what_is_not_extracted_has_its_place(db: psycopg.Connection) -> None:
    found: dict[str, set[str]] = {}
    for schema, table in db.execute(
        "select table_schema, table_name from information_schema.tables "
        "where table_schema not in ('public', 'internal', 'pg_catalog', 'information_schema')"
    ):
        found.setdefault(schema, set()).add(table)
    assert found == NOT_EXTRACTED


def test_primary_keys_are_those_of_the_source_description(db: psycopg.Connection) -> None:
    found = dict(
        db.execute(
            """
            select conrelid::regclass::text, array_agg(attname::text order by attnum)
            from pg_constraint join pg_attribute on attrelid = conrelid and attnum = any (conkey)
            where contype = 'p' and connamespace = 'public'::regnamespace group by conrelid
            """
        ).fetchall()
    )
    assert found == {name: list(table.key) for name, table in TABLES.items()}


def test_every_cursor_and_every_foreign_key_has_an_index(db: psycopg.Connection) -> None:
    """Cursor reads and the check of a deleted parent would otherwise read whole tables."""
    indexed = {
        (table, tuple(columns))
        for table, columns in db.execute(
            """
            select indrelid::regclass::text,
              (select array_agg(attname::text order by place) from unnest(indkey) with ordinality as k (number, place)
               join pg_attribute on attrelid = indrelid and attnum = k.number)
            from pg_index join pg_class on pg_class.oid = indrelid where relnamespace::regnamespace::text = any (%s)
            """,
            (["public", *NOT_EXTRACTED],),
        )
    }
    for name, table in TABLES.items():
        assert (name, (table.cursor,)) in indexed
    keys = db.execute(
        """
        select conrelid::regclass::text,
          (select array_agg(attname::text order by place) from unnest(conkey) with ordinality as k (number, place)
           join pg_attribute on attrelid = conrelid and attnum = k.number)
        from pg_constraint where contype = 'f' and connamespace::regnamespace::text = any (%s)
        """,
        (["public", *NOT_EXTRACTED],),
    ).fetchall()
    assert len(keys) > 50
    prefixes = {(table, columns[:n]) for table, columns in indexed for n in range(1, len(columns) + 1)}
    assert [key for key in keys if (key[0], tuple(key[1])) not in prefixes] == []


def test_every_foreign_key_protects_its_parent(db: psycopg.Connection) -> None:
    weak = db.execute(
        "select conname from pg_constraint where contype = 'f' and connamespace::regnamespace::text = any (%s) "
        "and confdeltype <> 'r'",
        (["public", *NOT_EXTRACTED],),
    ).fetchall()
    assert weak == []


@pytest.mark.parametrize(
    ("code", "digits"), [("JPY", 0), ("USD", 2), ("KWD", 3), ("CLF", 4), ("ISK", 0), ("HUF", 2), ("TND", 3)]
)
def test_currencies_have_the_minor_units_of_iso_4217(db: psycopg.Connection, code: str, digits: int) -> None:
    assert db.execute("select minor_unit from currencies where code = %s", (code,)).fetchone() == (digits,)


# Table, what is wrong, and the constraint's error class.
CHECK, KEY, TWICE = (
    psycopg.errors.CheckViolation,
    psycopg.errors.ForeignKeyViolation,
    psycopg.errors.UniqueViolation,
)
SPLIT = {"trade_type": "split", "quantity": None, "amount": None, "fee_amount": 0, "fee_quantity": 0} | {
    "split_new": 2,
    "split_old": 1,
}
NONSENSE = [
    ("organizations", {"base_currency": "XXX"}, KEY),
    ("organizations", {"country": "de"}, CHECK),
    ("organizations", {"name": " "}, CHECK),
    ("organizations", {"minimum_cash_balance": Decimal("-1")}, CHECK),
    ("organizations", {"minimum_cash_balance": Decimal("NaN")}, CHECK),
    ("fx_rates", {"rate": Decimal("0")}, CHECK),
    ("fx_rates", {"rate": Decimal("-1")}, CHECK),
    ("fx_rates", {"rate": Decimal("NaN")}, CHECK),
    ("fx_rates", {"to_currency": "EUR"}, CHECK),
    ("fx_rates", {"rate_type": "guess"}, CHECK),
    ("fx_rates", {"rate_date": "infinity"}, CHECK),
    ("fx_rates", {"from_currency": "ABC"}, KEY),
    ("customers", {"org_id": "00000000-0000-0000-0000-000000000000"}, KEY),
    ("customers", {"customer_number": "C1"}, TWICE),
    ("customers", {"currency": "ABC"}, KEY),
    ("customers", {"payment_terms_days": -1}, CHECK),
    ("customers", {"email": "nobody"}, CHECK),
    ("gl_accounts", {"account_type": "wealth"}, CHECK),
    ("gl_accounts", {"normal_side": "left"}, CHECK),
    ("gl_accounts", {"account_code": "1000"}, TWICE),
    ("bank_accounts", {"account_number": "DE89370400440532013000", "name": "B"}, CHECK),
    ("bank_accounts", {"opening_balance": Decimal("NaN"), "name": "B"}, CHECK),
    ("bank_accounts", {"opened_on": "12026-01-01", "name": "B"}, CHECK),
    ("ar_invoices", {"total_amount": Decimal("110.0001")}, CHECK),
    ("ar_invoices", {"subtotal_amount": Decimal("-1"), "total_amount": Decimal("9")}, CHECK),
    ("ar_invoices", {"tax_amount": Decimal("-1"), "total_amount": Decimal("99")}, CHECK),
    ("ar_invoices", {"subtotal_amount": Decimal("NaN"), "total_amount": Decimal("NaN")}, CHECK),
    ("ar_invoices", {"due_date": "2026-01-01"}, CHECK),
    ("ar_invoices", {"due_date": "infinity"}, CHECK),
    ("ar_invoices", {"invoice_date": "1026-01-02"}, CHECK),
    ("ar_invoices", {"status": "paid"}, CHECK),
    ("ar_invoices", {"status": "void"}, CHECK),
    ("ar_invoices", {"voided_on": "2026-01-03"}, CHECK),
    ("ar_invoices", {"status": "void", "voided_on": "2026-01-01"}, CHECK),
    ("ar_invoices", {"currency": "ABC"}, KEY),
    ("ar_invoices", {"customer_id": "@stranger"}, KEY),
    ("ar_invoices", {"customer_id": "@supplier"}, KEY),
    ("ar_invoices", {"org_id": "@other"}, KEY),
    ("ap_bills", {"total_amount": Decimal("100")}, CHECK),
    ("ap_bills", {"due_date": "2026-01-01"}, CHECK),
    ("ap_bills", {"status": "issued"}, CHECK),
    ("ap_bills", {"status": "void"}, CHECK),
    ("ap_bills", {"supplier_id": "@customer"}, KEY),
    ("payments", {"processor_reference": "ch_1"}, TWICE),
    ("payments", {"amount": Decimal("0")}, CHECK),
    ("payments", {"amount": Decimal("NaN")}, CHECK),
    ("payments", {"direction": "sideways"}, CHECK),
    ("payments", {"direction": "out"}, CHECK),
    ("payments", {"customer_id": None}, CHECK),
    ("payments", {"supplier_id": "@supplier"}, CHECK),
    ("payments", {"status": "refunded"}, CHECK),
    ("payments", {"status": "reversed"}, CHECK),
    ("payments", {"reversed_on": "2026-02-01"}, CHECK),
    ("payments", {"status": "reversed", "reversed_on": "2026-01-19"}, CHECK),
    ("payments", {"status": "failed"}, CHECK),
    ("payments", {"failure_reason": "declined"}, CHECK),
    ("payments", {"processor": "cash"}, CHECK),
    ("payments", {"processor": None}, CHECK),
    ("payments", {"customer_id": "@stranger", "processor_reference": "ch_2"}, KEY),
    ("payments", {"currency": "ABC", "processor_reference": "ch_2"}, KEY),
    ("payment_allocations", {"amount": Decimal("0")}, CHECK),
    ("payment_allocations", {"amount": Decimal("NaN")}, CHECK),
    ("payment_allocations", {"amount": Decimal("100.0001")}, CHECK),
    ("payment_allocations", {"ar_invoice_id": None}, CHECK),
    ("payment_allocations", {"ap_bill_id": "@bill"}, CHECK),
    ("payment_allocations", {"ar_invoice_id": None, "ap_bill_id": "@bill"}, CHECK),
    ("payment_allocations", {"payment_id": "@payout"}, CHECK),
    ("payment_allocations", {"currency": "EUR"}, KEY),
    ("payment_allocations", {"org_id": "@other"}, KEY),
    ("payment_allocations", {"ar_invoice_id": "@bill"}, KEY),
    ("credit_notes", {"amount": Decimal("-5")}, CHECK),
    ("credit_notes", {"amount": Decimal("NaN")}, CHECK),
    ("credit_notes", {"ap_bill_id": "@bill"}, CHECK),
    ("credit_notes", {"ar_invoice_id": None}, CHECK),
    ("credit_notes", {"currency": "EUR"}, KEY),
    ("credit_notes", {"status": "draft"}, CHECK),
    ("bank_transactions", {"amount": Decimal("0")}, CHECK),
    ("bank_transactions", {"amount": Decimal("NaN")}, CHECK),
    ("bank_transactions", {"currency": "EUR"}, KEY),
    ("bank_transactions", {"org_id": "@other"}, KEY),
    ("bank_transactions", {"payment_id": "@payment", "transfer_group_id": "@org"}, CHECK),
    ("bank_category_rules", {"org_id": "00000000-0000-0000-0000-000000000000"}, KEY),
    ("bank_category_rules", {"priority": 0}, CHECK),
    ("bank_category_rules", {"direction": "up"}, CHECK),
    ("bank_category_rules", {"payment_link": "payment"}, CHECK),
    ("bank_category_rules", {"section": "transfers", "payment_link": "none"}, CHECK),
    ("bank_category_rules", {"counterparty_contains": ""}, CHECK),
    ("bank_category_rules", {"counterparty_contains": "Stripe "}, CHECK),
    ("bank_category_rules", {"description_contains": " "}, CHECK),
    ("bank_category_rules", {"currency": "ABC"}, KEY),
    ("bank_category_rules", {"amount_from": Decimal("1")}, CHECK),
    ("bank_category_rules", {"amount_from": Decimal("2"), "amount_to": Decimal("1"), "currency": "USD"}, CHECK),
    ("bank_category_rules", {"amount_to": Decimal("-1"), "currency": "USD"}, CHECK),
    ("bank_category_rules", {"amount_to": Decimal("NaN"), "currency": "USD"}, CHECK),
    ("bank_category_rules", {"section": "Operating"}, CHECK),
    ("bank_category_rules", {"section": "uncategorized"}, CHECK),
    ("bank_category_rules", {"category": "card payouts"}, CHECK),
    ("gl_entries", {"amount": Decimal("0")}, CHECK),
    ("gl_entries", {"amount": Decimal("NaN")}, CHECK),
    ("gl_entries", {"account_id": "@other_account"}, KEY),
    ("gl_entries", {"currency": "ABC"}, KEY),
    ("gl_entries", {"document_type": "payment"}, CHECK),
    ("gl_entries", {"document_id": "@payment"}, CHECK),
    ("gl_entries", {"document_type": "memo", "document_id": "@payment"}, CHECK),
    ("instruments", {}, TWICE),
    ("instruments", {"symbol": " ACME2"}, CHECK),
    ("instruments", {"symbol": "B", "isin": "ACME"}, CHECK),
    ("instruments", {"symbol": "B", "instrument_type": "house"}, CHECK),
    ("instruments", {"symbol": "B", "currency": "ABC"}, KEY),
    ("instrument_prices", {"price": Decimal("-1")}, CHECK),
    ("instrument_prices", {"price": Decimal("NaN")}, CHECK),
    ("instrument_prices", {"price_date": "infinity"}, CHECK),
    ("instrument_prices", {"instrument_id": "@foreign_instrument"}, KEY),
    ("trades", {"trade_type": "swap"}, CHECK),
    ("trades", {"portfolio": ""}, CHECK),
    ("trades", {"currency": "EUR"}, KEY),
    ("trades", {"instrument_id": "@foreign_instrument"}, KEY),
    ("trades", {"quantity": None}, CHECK),
    ("trades", {"quantity": Decimal("0")}, CHECK),
    ("trades", {"quantity": Decimal("NaN")}, CHECK),
    ("trades", {"amount": None}, CHECK),
    ("trades", {"amount": Decimal("-1")}, CHECK),
    ("trades", {"amount": Decimal("NaN")}, CHECK),
    ("trades", {"fee_amount": Decimal("-1")}, CHECK),
    ("trades", {"fee_quantity": Decimal("-1")}, CHECK),
    ("trades", {"traded_at": "infinity"}, CHECK),
    ("trades", {"trade_type": "buy"}, CHECK),  # with its fee in kind
    ("trades", {"split_new": 2}, CHECK),
    ("trades", {"trade_type": "split", "split_new": 2, "split_old": 1}, CHECK),
    ("trades", {**SPLIT, "split_old": None}, CHECK),
    ("trades", {**SPLIT, "split_old": 0}, CHECK),
    ("trades", {**SPLIT, "fee_amount": Decimal("1")}, CHECK),
    ("program_budgets", {"program_code": "P0"}, TWICE),
    ("program_budgets", {"fiscal_year": 26}, CHECK),
    ("program_budgets", {"currency": "ABC"}, KEY),
    ("budget_line_items", {"amount": Decimal("-1")}, CHECK),
    ("budget_line_items", {"amount": Decimal("0")}, CHECK),
    ("budget_line_items", {"amount": Decimal("NaN")}, CHECK),
    ("budget_line_items", {"currency": "EUR"}, KEY),
    ("budget_line_items", {"account_id": "@other_account"}, KEY),
    ("budget_line_items", {"line_number": "0"}, TWICE),
    ("budget_line_items", {"adjusts_id": "@allotment"}, KEY),
    ("allotments", {"quarter": 0}, CHECK),
    ("allotments", {"quarter": 5}, CHECK),
    ("allotments", {"amount": Decimal("0")}, CHECK),
    ("allotments", {"amount": Decimal("-1")}, CHECK),
    ("allotments", {"amount": Decimal("NaN")}, CHECK),
    ("allotments", {"amount": Decimal("1"), "adjusts_id": "@allotment"}, CHECK),
    ("allotments", {"amount": Decimal("-1"), "adjusts_id": "@allotment", "quarter": 2}, KEY),
    ("allotments", {"reference": "A0"}, TWICE),
    ("allotments", {"org_id": "@other"}, KEY),
    ("allotments", {"entry_date": "2026-01-01"}, CHECK),
    ("obligations", {"amount": Decimal("-1")}, CHECK),
    ("obligations", {"amount": Decimal("1"), "adjusts_id": "@obligation"}, CHECK),
    ("obligations", {"currency": "EUR"}, KEY),
    ("obligations", {"allotment_id": "@line"}, KEY),
    ("obligations", {"reference": "O0"}, TWICE),
    ("disbursements", {"amount": Decimal("-1")}, CHECK),
    ("disbursements", {"amount": Decimal("NaN")}, CHECK),
    ("disbursements", {"amount": Decimal("20.0001")}, CHECK),
    ("disbursements", {"obligation_id": "@allotment"}, KEY),
    ("disbursements", {"entry_date": "2026-01-01"}, CHECK),
    ("budgeting.budget_proposals", {"status": "adopted", "decided_on": "2026-01-02"}, CHECK),
    ("budgeting.budget_proposals", {"status": "rejected"}, CHECK),
    ("budgeting.budget_proposals", {"amount": Decimal("NaN")}, CHECK),
    ("budgeting.budget_justifications", {"justification": " "}, CHECK),
    ("budgeting.budget_justifications", {"org_id": "@other"}, KEY),
    ("budgeting.work_items", {"budget_proposal_id": None}, CHECK),
    ("budgeting.work_items", {"program_budget_id": "@program"}, CHECK),
    ("budgeting.work_items", {"status": "done"}, CHECK),
]


@pytest.mark.parametrize(
    ("table", "changes", "error"),
    [pytest.param(*case, id=f"{case[0]}: {', '.join(f'{k}={v}' for k, v in case[1].items())}") for case in NONSENSE],
)
def test_nonsense_is_refused(books: Books, table: str, changes: dict[str, Any], error: type[psycopg.Error]) -> None:
    with pytest.raises(error):
        books.add(table, **{name: books.id_of(value) for name, value in changes.items()})


@pytest.mark.parametrize(
    "table",
    [
        "fx_rates",
        "customers",
        "payment_allocations",
        "credit_notes",
        "bank_transactions",
        "instrument_prices",
        "trades",
        "disbursements",
        "budgeting.budget_justifications",
        "budgeting.work_items",
    ],
)
def test_sense_is_not(books: Books, table: str) -> None:
    """What NONSENSE changes is good as it stands; the other tables' good rows are in every test's books."""
    assert books.add(table) is not None


@pytest.mark.parametrize(
    ("table", "key"),
    [("customers", "customer"), ("suppliers", "supplier"), ("payments", "payment"), ("ar_invoices", "invoice")],
)
def test_what_is_referred_to_cannot_be_deleted(books: Books, table: str, key: str) -> None:
    books.add("payment_allocations")
    with pytest.raises(psycopg.errors.RestrictViolation):
        books.db.execute(sql.SQL("delete from {} where id = %s").format(sql.Identifier(table)), (getattr(books, key),))


def test_a_split_has_its_ratio_alone(books: Books) -> None:
    assert books.add("trades", **SPLIT) is not None


class TestAccess:
    """Who may see what stands in a schema of its own, which is not extracted."""

    def user(self, books: Books, **changes: Any) -> Any:
        values = {"email": "ada@example.com", "name": "Ada", **changes}
        return books.db.execute(
            "insert into access.users (email, name, is_active) values (%s, %s, %s) returning id",
            (values["email"], values["name"], values.get("is_active", True)),
        ).fetchone()[0]

    def grant(self, books: Books, user: Any, role: str, org: Any = None, portfolio: str | None = None) -> Any:
        return books.db.execute(
            "insert into access.memberships (user_id, role, org_id, portfolio, granted_by) "
            "values (%s, %s, %s, %s, 'test') returning id",
            (user, role, org, portfolio),
        ).fetchone()[0]

    def seen(self, books: Books, user: Any) -> set[tuple]:
        statement = "select org_id, portfolio from access.visible_organizations where user_id = %s"
        return set(books.db.execute(statement, (user,)).fetchall())

    def test_each_role_sees_its_own(self, books: Books) -> None:
        bank, company, person, guest = (self.user(books, email=f"{name}@example.com") for name in "abcd")
        self.grant(books, bank, "bank_administrator")
        self.grant(books, company, "corporate", books.org)
        self.grant(books, person, "individual", books.org, "Growth")
        assert self.seen(books, bank) == {(books.org, None), (books.other, None)}
        assert self.seen(books, company) == {(books.org, None)}
        assert self.seen(books, person) == {(books.org, "Growth")}
        assert self.seen(books, guest) == set()

    def test_who_left_sees_nothing_and_may_come_back(self, books: Books) -> None:
        user = self.user(books)
        membership = self.grant(books, user, "corporate", books.org)
        books.db.execute("update access.memberships set ended_at = clock_timestamp() where id = %s", (membership,))
        assert self.seen(books, user) == set()
        self.grant(books, user, "corporate", books.org)
        assert self.seen(books, user) == {(books.org, None)}
        books.db.execute("update access.users set is_active = false where id = %s", (user,))
        assert self.seen(books, user) == set()

    @pytest.mark.parametrize(
        ("role", "org", "portfolio"),
        [
            pytest.param("bank_administrator", "@org", None, id="administrator of one organization"),
            pytest.param("corporate", None, None, id="corporate user of none"),
            pytest.param("corporate", "@org", "Growth", id="corporate user of a portfolio"),
            pytest.param("individual", "@org", None, id="individual of no portfolio"),
            pytest.param("guest", "@org", None, id="unknown role"),
        ],
    )
    def test_a_role_has_its_scope(self, books: Books, role: str, org: str | None, portfolio: str | None) -> None:
        with pytest.raises(CHECK):
            self.grant(books, self.user(books), role, books.id_of(org), portfolio)

    def test_one_membership_at_a_time(self, books: Books) -> None:
        user = self.user(books)
        self.grant(books, user, "bank_administrator")
        with pytest.raises(TWICE):
            self.grant(books, user, "bank_administrator")

    def test_one_user_an_address(self, books: Books) -> None:
        self.user(books)
        with pytest.raises(TWICE):
            self.user(books)


class TestAllocations:
    def test_a_payment_can_be_allocated_to_its_last_cent(self, books: Books) -> None:
        books.add("payment_allocations")
        books.add("payment_allocations", amount=Decimal("40"))

    def test_and_not_further(self, books: Books) -> None:
        books.add("payment_allocations")
        with pytest.raises(CHECK, match=r"is allocated 100\.0001"):
            books.add("payment_allocations", amount=Decimal("40.0001"))

    def test_nor_by_an_update(self, books: Books) -> None:
        allocation = books.add("payment_allocations")
        with pytest.raises(CHECK, match="cannot settle more than its amount"):
            books.db.execute("update payment_allocations set amount = 101 where id = %s", (allocation,))

    def test_nor_by_lowering_the_payment(self, books: Books) -> None:
        books.add("payment_allocations")
        books.db.execute("update payments set amount = 60 where id = %s", (books.payment,))
        with pytest.raises(CHECK, match="lower its allocations first"):
            books.db.execute("update payments set amount = 59.9999 where id = %s", (books.payment,))

    def test_two_writers_cannot_each_allocate_the_whole(self, connect: Connect) -> None:
        with connect() as conn:
            books = Books(conn)
            conn.commit()

        def allocate(_: int) -> bool:
            with connect() as conn:
                again = object.__new__(Books)
                again.__dict__ = {**books.__dict__, "db": conn}
                try:
                    again.add("payment_allocations")
                    conn.execute("select pg_sleep(0.2)")
                    conn.commit()
                except CHECK:
                    conn.rollback()
                    return False
                return True

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(allocate, range(4))) == [False, False, False, True]


class TestLedger:
    def check(self, books: Books) -> None:
        books.db.execute("set constraints all immediate")

    def test_a_balanced_journal_is_kept(self, books: Books) -> None:
        books.add("gl_entries", amount=Decimal("10.0001"))
        books.add("gl_entries", amount=Decimal("-10"))
        books.add("gl_entries", amount=Decimal("-0.0001"))
        self.check(books)
        assert books.db.execute("select count(*) from internal.journals_to_check").fetchone() == (0,)

    def test_an_unbalanced_one_is_refused_at_commit(self, connect: Connect) -> None:
        with connect() as conn:
            books = Books(conn)
            books.add("gl_entries", amount=Decimal("10"))
            books.add("gl_entries", amount=Decimal("-9.9999"))
            with pytest.raises(CHECK, match=r"its lines sum to 0\.0001 USD"):
                conn.commit()

    def test_each_currency_balances_on_its_own(self, books: Books) -> None:
        books.add("gl_entries", amount=Decimal("10"))
        books.add("gl_entries", amount=Decimal("-10"), currency="EUR")
        with pytest.raises(CHECK, match="does not balance"):
            self.check(books)

    def test_each_organization_balances_on_its_own(self, books: Books) -> None:
        books.add("gl_entries", amount=Decimal("10"))
        books.add("gl_entries", amount=Decimal("-10"), org_id=books.other, account_id=books.other_account)
        with pytest.raises(CHECK, match="does not balance"):
            self.check(books)

    @pytest.mark.parametrize(
        "statement",
        [
            "delete from gl_entries where amount < 0",
            "update gl_entries set amount = amount * 2 where amount < 0",
            "update gl_entries set currency = 'EUR' where amount < 0",
            "update gl_entries set journal_id = uuidv7() where amount < 0",
        ],
    )
    def test_a_balanced_journal_cannot_be_unbalanced_later(self, books: Books, statement: str) -> None:
        books.add("gl_entries", amount=Decimal("10"))
        books.add("gl_entries", amount=Decimal("-10"))
        self.check(books)
        books.db.execute("set constraints all deferred")
        books.db.execute(statement)
        with pytest.raises(CHECK, match="does not balance"):
            self.check(books)

    def test_a_whole_journal_may_be_changed_or_deleted(self, books: Books) -> None:
        books.add("gl_entries", amount=Decimal("10"))
        books.add("gl_entries", amount=Decimal("-10"))
        books.db.execute("update gl_entries set amount = amount * 2, journal_id = %s", (books.other,))
        books.db.execute("delete from gl_entries")
        self.check(books)


class TestStamps:
    def test_the_database_stamps_not_the_application(self, books: Books) -> None:
        old = datetime(2001, 1, 1, tzinfo=UTC)
        invoice = books.add("ar_invoices", created_at=old, updated_at=old)
        stamps = "select created_at, updated_at, clock_timestamp() from ar_invoices where id = %s"
        created, updated, now = books.db.execute(stamps, (invoice,)).fetchone()
        assert created == updated and timedelta() <= now - updated < timedelta(minutes=1)

        books.db.execute("update ar_invoices set memo = 'x', created_at = %s where id = %s", (old, invoice))
        then, later, _ = books.db.execute(stamps, (invoice,)).fetchone()
        # In the same transaction: the clock is asked at each statement.
        assert then == created and later > updated

    def test_a_stamp_never_runs_backwards(self, books: Books) -> None:
        future = datetime(2100, 1, 1, tzinfo=UTC)
        books.db.execute("set local tieout.clock = 'supplied'")
        invoice = books.add("ar_invoices", created_at=future, updated_at=future)
        books.db.execute("set local tieout.clock = ''")
        books.db.execute("update ar_invoices set memo = 'x' where id = %s", (invoice,))
        stamp = books.db.execute("select updated_at from ar_invoices where id = %s", (invoice,)).fetchone()[0]
        assert stamp == future + timedelta(microseconds=1)

    def test_a_late_row_can_be_made_where_that_is_asked_for(self, books: Books) -> None:
        old = datetime(2001, 1, 1, tzinfo=UTC)
        books.db.execute("set local tieout.clock = 'supplied'")
        invoice = books.add("ar_invoices", created_at=old, updated_at=old)
        kept = books.db.execute("select created_at, updated_at from ar_invoices where id = %s", (invoice,)).fetchone()
        assert kept == (old, old)

    def test_every_table_is_stamped(self, db: psycopg.Connection) -> None:
        stamped = {
            name for (name,) in db.execute("select tgrelid::regclass::text from pg_trigger where tgname = 'stamp'")
        }
        # The others are only ever added to, and carry the moment they were.
        assert stamped == {*TABLES, *(f"budgeting.{name}" for name in NOT_EXTRACTED["budgeting"] - {"budget_audit"})}


def test_ids_are_ordered_in_time(books: Books) -> None:
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", str(books.org))
    assert books.org < books.other
