"""2,466 invoices that nobody on this project made, through the whole pipeline, against answers known from outside."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.real_data import DATA, load_invoices
from tieout import aging
from tieout.connections import LANDING_BUCKET, query, s3_client
from tieout.orchestration.run import RunResult

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not DATA.is_dir(), reason=f"NOT TESTED ON REAL DATA: {DATA} is not there"),
]

DAY, PAST = date(2013, 9, 30), date(2012, 12, 31)
DELIVERIES = {
    "stripe": {
        "balance_transactions": "stripe_fivetran_seeds/balance_transaction_data.csv",
        "charges": "stripe_fivetran_seeds/charge_data.csv",
        "refunds": "stripe_fivetran_seeds/refund_data.csv",
        "payouts": "stripe_fivetran_seeds/payout_data.csv",
        "payout_balance_transactions": "stripe_fivetran_seeds/payout_balance_transaction_data.csv",
        "disputes": "stripe_fivetran_seeds/dispute_data.csv",
        "invoices": "stripe_fivetran_seeds/invoice_data.csv",
        "customers": "stripe_fivetran_seeds/customer_data.csv",
    },
    "netsuite": {
        "transaction": "netsuite_fivetran_seeds/netsuite2_transaction_data.csv",
        "transactionline": "netsuite_fivetran_seeds/netsuite2_transaction_line_data.csv",
        "transactionaccountingline": "netsuite_fivetran_seeds/netsuite2_tran_acct_line_data.csv",
        "account": "netsuite_fivetran_seeds/netsuite2_account_data.csv",
        "subsidiary": "netsuite_fivetran_seeds/netsuite2_subsidiary_data.csv",
        "currency": "netsuite_fivetran_seeds/netsuite2_currency_data.csv",
        "accountingperiod": "netsuite_fivetran_seeds/netsuite2_accounting_period_data.csv",
        "customer": "netsuite_fivetran_seeds/netsuite2_customer_data.csv",
    },
}


@pytest.fixture(scope="module")
def run(clean_stack: None, run_day: Callable[..., RunResult]) -> RunResult:
    load_invoices()
    deliver()
    return run_day(DAY)


def deliver() -> None:
    for source, tables in DELIVERIES.items():
        for table, file in tables.items():
            body = (DATA / file).read_bytes()
            s3_client().put_object(Bucket=LANDING_BUCKET, Key=f"{source}/{table}/{DAY}/{Path(file).name}", Body=body)


def test_every_invoice_reaches_gold_to_the_cent(run: RunResult) -> None:
    assert query("select count(*), sum(total_amount), sum(allocated_amount) from lake.gold.fact_ar_invoices") == [
        (2466, Decimal("147703.1800"), Decimal("147703.1800"))
    ]
    assert query("select count(*) from lake.gold.dim_customer") == [(100,)]
    assert query("select count(*), sum(effective_amount) from lake.gold.fact_payments") == [
        (2466, Decimal("147703.1800"))
    ]


def test_receivables_are_as_old_as_they_were(run: RunResult) -> None:
    assert receivables("gold", DAY) == {"not_due": (81, Decimal("4563.74")), "1-30": (7, Decimal("465.48"))}
    aging.write(PAST)
    assert receivables("gold_candidate", PAST) == {"not_due": (86, Decimal("4936.32")), "1-30": (13, Decimal("788.74"))}


def receivables(schema: str, as_of: date) -> dict[str, tuple[int, Decimal]]:
    found = query(
        f"select aging_bucket, count(*), sum(remaining_amount) from lake.{schema}.fact_ar_aging "
        f"where as_of_date = date '{as_of}' group by 1"
    )
    return {bucket: (count, amount) for bucket, count, amount in found}


def test_every_delivered_row_is_loaded(run: RunResult) -> None:
    expected = {}
    for source, tables in DELIVERIES.items():
        for table, file in tables.items():
            with (DATA / file).open(newline="") as stream:
                expected[source, table] = sum(1 for _ in csv.DictReader(stream))
    found = query(
        "select source, entity, sum(rows_kept) from lake.ops.table_outcomes "
        f"where file is not null and status = 'loaded' and run_id = '{run.batch.run_id}' group by 1, 2"
    )
    assert {(source, table): kept for source, table, kept in found} == expected
    assert query("select count(*) from lake.bronze.quarantine") == [(0,)]


def test_stripe_s_charges_are_reconciled_against_an_erp_that_has_none_of_them(run: RunResult) -> None:
    with (DATA / DELIVERIES["stripe"]["balance_transactions"]).open(newline="") as stream:
        charges = [row for row in csv.DictReader(stream) if row["type"] == "charge"]
    found = query("select status, count(*), sum(stripe_amount) from lake.gold.fact_reconciliation group by 1")
    assert found == [("missing_in_erp", len(charges), sum(Decimal(row["amount"]) for row in charges) / 100)]


def test_every_layer_ties_out(run: RunResult) -> None:
    assert query(f"select distinct status from lake.ops.tie_out where run_id = '{run.batch.run_id}'") == [("tied",)]
