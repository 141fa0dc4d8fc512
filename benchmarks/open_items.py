"""What open invoices add to the cash forecast: real receivables, beside the models that see past cash alone.

python -m benchmarks.open_items [--data folder of the data]. IBM's sample of accounts receivable: 2,466 invoices of 100
customers, each paid whole on one day, which is taken as the day the bank booked it. Every model forecasts the 91 days
after each of four days that lie 91 days apart, seeing only what was known on that day. The stack is one of the
benchmark's own, in .tieout-bench, and is removed.
"""

from __future__ import annotations

import argparse
import csv
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from benchmarks import _report
from benchmarks._stack import own_stack

from tieout.connections import execute, iceberg_catalog
from tieout.ml import lake
from tieout.ml.backtest import Score, backtest
from tieout.ml.cash import CANDIDATES, plan_of
from tieout.ml.history import load_series

SCHEMA = "bench_open_items"
ORG, CURRENCY = "ibm", "USD"
MONEY = pa.decimal128(19, 4)
COLUMNS = {
    "ar_invoices": (
        *(
            ("invoice_id", pa.string()),
            ("org_id", pa.string()),
            ("currency", pa.string()),
            ("customer_id", pa.string()),
        ),
        *(("invoice_date", pa.date32()), ("due_date", pa.date32()), ("total_amount", MONEY)),
        *(("status", pa.string()), ("voided_on", pa.date32())),
    ),
    "ap_bills": (
        *(("bill_id", pa.string()), ("org_id", pa.string()), ("currency", pa.string()), ("supplier_id", pa.string())),
        *(("bill_date", pa.date32()), ("due_date", pa.date32()), ("total_amount", MONEY)),
        *(("status", pa.string()), ("voided_on", pa.date32())),
    ),
    "payments": (("payment_id", pa.string()), ("status", pa.string()), ("reversed_on", pa.date32())),
    "payment_allocations": (
        *(("payment_id", pa.string()), ("invoice_id", pa.string()), ("bill_id", pa.string())),
        *(("allocated_on", pa.date32()), ("amount", MONEY)),
    ),
    "credit_notes": (
        *(("invoice_id", pa.string()), ("bill_id", pa.string()), ("status", pa.string())),
        *(("issued_on", pa.date32()), ("amount", MONEY)),
    ),
    "currencies": (("currency_code", pa.string()), ("minor_unit", pa.int32())),
    "bank_accounts": (
        *(("org_id", pa.string()), ("currency", pa.string()), ("opening_balance", MONEY), ("opened_on", pa.date32())),
    ),
    "bank_transactions": (
        *(("org_id", pa.string()), ("currency", pa.string()), ("transfer_group_id", pa.string())),
        *(("booked_on", pa.date32()), ("amount", MONEY)),
    ),
}


def main(data: Path) -> None:
    source = data / "ibm_ar" / "WA_Fn-UseC_-Accounts-Receivable.csv"
    if not source.exists():
        print(f"skipped: there is no {source}; name the folder of the data with --data", file=sys.stderr)
        return
    invoices = list(csv.DictReader(source.open()))
    last_day = max(day(invoice["InvoiceDate"]) for invoice in invoices)
    execute(f"create schema if not exists lake.{SCHEMA}")
    try:
        for entity, rows in tables(invoices).items():
            write(entity, rows)
        lake.SILVER = f"lake.{SCHEMA}"
        [series] = load_series(last_day)
    finally:
        execute(f"drop schema lake.{SCHEMA} cascade")
    history = series.history("inflow")
    plan = plan_of(len(history))
    print(
        f"{len(invoices)} invoices, {len(history)} days up to {last_day}, {len(plan.cuts)} x {plan.horizon} days ahead"
    )
    print(f"  {'WAPE of':<24}{'running total':>15}{'weeks':>9}{'days':>9}{'MASE':>8}")
    figures = {}
    for model in CANDIDATES:
        score = backtest(model, history, plan)
        if isinstance(score, Score):
            figures[model.name] = 100 * score.path_wape
            wapes = f"{score.path_wape:>14.1%}{score.block_wape:>10.1%}{score.wape:>9.1%}{score.mase:>8.2f}"
        else:
            wapes = f"  {score.reason}"
        print(f"  {model.name:<24}{wapes}")
    ours, base = figures["open_items"], figures["median_of_models"]
    target = f"< {base:.1f} (without open items)"
    figure = _report.Figure("WAPE of the running total, 91 days", ours, "%", target, ours < base)
    _report.record("open_items", "Cash of 2,466 real invoices, forecast with what is open", [figure])


def day(text: str) -> date:
    """Of month/day/year."""
    month, day_of_month, year = map(int, text.split("/"))
    return date(year, month, day_of_month)


def tables(invoices: list[dict[str, str]]) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of each Silver table that the forecast reads."""
    rows: dict[str, list[tuple[Any, ...]]] = {entity: [] for entity in COLUMNS}
    rows["currencies"].append((CURRENCY, 2))
    rows["bank_accounts"].append((ORG, CURRENCY, Decimal(0), min(day(i["InvoiceDate"]) for i in invoices)))
    for invoice in invoices:
        key, amount, settled = invoice["invoiceNumber"], Decimal(invoice["InvoiceAmount"]), day(invoice["SettledDate"])
        dates = day(invoice["InvoiceDate"]), day(invoice["DueDate"])
        rows["ar_invoices"].append((key, ORG, CURRENCY, invoice["customerID"], *dates, amount, "issued", None))
        rows["payments"].append((key, "succeeded", None))
        rows["payment_allocations"].append((key, key, None, settled, amount))
        rows["bank_transactions"].append((ORG, CURRENCY, None, settled, amount))
    return rows


def write(entity: str, rows: list[tuple[Any, ...]]) -> None:
    schema = pa.schema([*COLUMNS[entity], ("is_deleted", pa.bool_())])
    columns = list(zip(*((*row, False) for row in rows), strict=True)) if rows else [[]] * len(schema)
    content = pa.table([pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema)
    iceberg_catalog().create_table(f"{SCHEMA}.stg_app_db__{entity}", schema=schema).append(content)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    folder = parser.parse_args().data
    with own_stack():
        main(folder)
