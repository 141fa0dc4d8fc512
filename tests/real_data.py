"""Invoices that nobody on this project made, in the app database: 2,466 of 100 customers, each paid once and whole."""

from __future__ import annotations

import csv
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid5

from tieout.connections import app_db
from tieout.settings import PROJECT_ROOT

DATA = PROJECT_ROOT.parent / "shared" / "data"
INVOICES = DATA / "ibm_ar" / "WA_Fn-UseC_-Accounts-Receivable.csv"
_IDS = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
ORG = uuid5(_IDS, "ibm")


def load_invoices(file: Path = INVOICES) -> None:
    """One organization; its customers, invoices, and a payment with its allocation on each settled date."""
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    customers = {row["customerID"]: uuid5(_IDS, row["customerID"]) for row in rows}
    with app_db() as connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into organizations (id, name, country, base_currency) values (%s, 'IBM', 'US', 'USD')", [ORG]
        )
        cursor.executemany(
            "insert into customers (id, org_id, customer_number, name, country, currency, payment_terms_days) "
            "values (%s, %s, %s, %s, %s, 'USD', 30)",
            [
                (customers[row["customerID"]], ORG, row["customerID"], row["customerID"], row["countryCode"])
                for row in {row["customerID"]: row for row in rows}.values()
            ],
        )
        cursor.executemany(
            "insert into ar_invoices (id, org_id, customer_id, invoice_number, status, is_disputed, currency, "
            "subtotal_amount, tax_amount, total_amount, invoice_date, due_date) "
            "values (%s, %s, %s, %s, 'issued', %s, 'USD', %s, 0, %s, %s, %s)",
            [
                (
                    invoice_id(row),
                    ORG,
                    customers[row["customerID"]],
                    row["invoiceNumber"],
                    row["Disputed"] == "Yes",
                    Decimal(row["InvoiceAmount"]),
                    Decimal(row["InvoiceAmount"]),
                    day(row["InvoiceDate"]),
                    day(row["DueDate"]),
                )
                for row in rows
            ],
        )
        cursor.executemany(
            "insert into payments (id, org_id, direction, status, customer_id, currency, amount, payment_date) "
            "values (%s, %s, 'in', 'succeeded', %s, 'USD', %s, %s)",
            [
                (
                    payment_id(row),
                    ORG,
                    customers[row["customerID"]],
                    Decimal(row["InvoiceAmount"]),
                    day(row["SettledDate"]),
                )
                for row in rows
            ],
        )
        cursor.executemany(
            "insert into payment_allocations (org_id, payment_id, ar_invoice_id, currency, amount, allocated_on) "
            "values (%s, %s, %s, 'USD', %s, %s)",
            [
                (ORG, payment_id(row), invoice_id(row), Decimal(row["InvoiceAmount"]), day(row["SettledDate"]))
                for row in rows
            ],
        )


def invoice_id(row: dict[str, str]) -> UUID:
    return uuid5(_IDS, f"invoice {row['invoiceNumber']}")


def payment_id(row: dict[str, str]) -> UUID:
    return uuid5(_IDS, f"payment {row['invoiceNumber']}")


def day(text: str) -> date:
    return datetime.strptime(text, "%m/%d/%Y").date()  # noqa: DTZ007
