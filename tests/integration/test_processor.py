"""Stripe's balance, its payouts and what contradicts itself, from files to Gold, on a generated company."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests.dbt import PROJECT, build
from tests.lake import fresh_app_database, fresh_lake

from tieout import connections
from tieout.batch import Batch
from tieout.controls.identities import identity_totals, load_identities
from tieout.extract.landing import extract_landing
from tieout.extract.postgres import extract_app_db
from tieout.generate import PAYOUT_FAULTS, generate, read_truth
from tieout.settings import get_settings

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("first_day")]

# Of this seed a tiny company has each fault of payouts, and disputes.
SEED, START, FIRST, SECOND = 11, date(2026, 4, 1), date(2026, 10, 31), date(2026, 11, 1)
FACTS = (
    "fact_processor_transactions",
    "fact_processor_balance_daily",
    "fact_payout_reconciliation",
    "fact_processor_conflicts",
)
MODELS = ("--select", *(f"+{fact}" for fact in FACTS))
STATUS_OF_FAULT = {
    "payout_failed": "failed_netted",
    "payout_missing_in_erp": "missing_in_erp",
    "payout_amount": "erp_mismatch",
    "payout_duplicate_in_erp": "erp_mismatch",
}


@pytest.fixture(scope="module")
def first_day(stack) -> None:
    fresh_app_database()
    fresh_lake()
    generate("tiny", SEED, START, FIRST)
    extract_app_db(Batch.of(FIRST, "test"))
    for source in ("stripe", "netsuite"):
        extract_landing(source, Batch.of(FIRST, "test"))
    build(PROJECT, str(FIRST), *MODELS, "--exclude-resource-type", "unit_test")


def query(sql: str) -> list[tuple]:
    return connections.query(sql.replace("@", "lake.gold_candidate."))


def delivered(entity: str) -> list[dict[str, Any]]:
    """What the generator has delivered of an object."""
    s3, rows = connections.s3_client(), []
    for found in s3.list_objects_v2(Bucket=connections.LANDING_BUCKET, Prefix=f"stripe/{entity}/{FIRST}/")["Contents"]:
        body = s3.get_object(Bucket=connections.LANDING_BUCKET, Key=found["Key"])["Body"].read()
        rows += map(json.loads, gzip.decompress(body).decode().splitlines())
    return rows


def untied() -> list[str]:
    own = [identity for identity in load_identities() if identity.entity in FACTS]
    assert {identity.entity for identity in own} == set(FACTS) - {"fact_processor_conflicts"}
    return [identity.name for identity, (left, right) in identity_totals(own).items() if left != right or not left]


def test_every_faulty_payout_is_named_and_no_other():
    faults = {
        line["payout_id"]: STATUS_OF_FAULT[line["label"]]
        for line in read_truth(get_settings().home / "truth", PAYOUT_FAULTS)
    }
    assert set(faults.values()) == set(STATUS_OF_FAULT.values())
    found = dict(query("select payout_id, status from @fact_payout_reconciliation"))
    assert {payout: status for payout, status in found.items() if status not in ("tied", "in_transit")} == faults
    assert Counter(found.values())["tied"] > 100


def test_every_fee_is_counted_once_wherever_it_stands():
    rows = delivered("balance_transactions")
    fees: Counter[str] = Counter()
    for row in rows:
        fees[row["currency"].upper()] += row["fee"] - (row["amount"] if row["type"] == "stripe_fee" else 0)
    digits = dict(connections.query("select currency_code, minor_unit from lake.silver.stg_app_db__currencies"))
    expected = {currency: Decimal(fee).scaleb(-digits[currency]) for currency, fee in fees.items()}
    assert (
        dict(query("select currency, sum(total_fee_amount) from @fact_processor_balance_daily group by 1")) == expected
    )
    categories = dict(query("select reporting_category, count(*) from @fact_processor_transactions group by 1"))
    assert categories == Counter(row["reporting_category"] for row in rows)
    assert {"dispute", "fee", "topup", "payout_reversal"} <= categories.keys()
    revenue = query("select distinct reporting_category from @fact_processor_balance_daily where is_revenue")
    assert revenue == [("charge",)]


def test_everything_is_somebodys():
    assert query("select count(*) from @fact_payout_reconciliation where org_id is null") == [(0,)]
    # a usage fee is nobody's until it is paid out
    assert query("select distinct reporting_category from @fact_processor_transactions where org_id is null") in (
        [],
        [("fee",)],
    )


def test_identities_tie():
    assert untied() == []
    assert query("select * from @fact_processor_conflicts") == []


def test_what_contradicts_an_earlier_delivery_counts_and_is_named():
    paid = {row["balance_transaction"] for row in delivered("payout_balance_transactions")}
    movements = [row for row in delivered("balance_transactions") if row["type"] == "charge" and row["id"] in paid]
    changed, same = movements[0], movements[1]
    charge = delivered("charges")[0]
    files = {
        "balance_transactions": [
            {**changed, "amount": changed["amount"] + 7, "net": changed["net"] + 7},
            {**same, "status": "available", "description": "seen again"},
        ],
        "charges": [{**charge, "description": "one"}, {**charge, "description": "two"}],
    }
    for entity, rows in files.items():
        connections.s3_client().put_object(
            Bucket=connections.LANDING_BUCKET,
            Key=f"stripe/{entity}/{SECOND}/again.jsonl",
            Body="".join(json.dumps(row) + "\n" for row in rows).encode(),
        )
    extract_app_db(Batch.of(SECOND, "test"))
    extract_landing("stripe", Batch.of(SECOND, "test"))
    build(PROJECT, str(SECOND), *MODELS, "--exclude-resource-type", "unit_test")
    minor = connections.query(
        "select minor_unit from lake.silver.stg_app_db__currencies "
        f"where currency_code = '{changed['currency'].upper()}'"
    )[0][0]
    found = query(
        "select entity, object_id, conflict_type, differing_columns, counted_amount - delivered_amount, counted_file, "
        "line from @fact_processor_conflicts order by entity, line"
    )
    file = f"stripe/{{}}/{SECOND}/again.jsonl"
    line = connections.query(
        "select _line from lake.bronze.stripe__balance_transactions "
        f"where id = '{changed['id']}' and _batch = date '{FIRST}'"
    )[0][0]
    assert found == [
        (
            "balance_transactions",
            changed["id"],
            "redelivered",
            "amount, net",
            Decimal(7).scaleb(-minor),
            file.format("balance_transactions"),
            line,
        ),
        ("charges", charge["id"], "within_batch", "others", Decimal(0), file.format("charges"), 1),
    ]
    # the newer version counts, so its payout is not the sum of its parts any more, and that is said
    [(payout,)] = query(
        f"select payout_id from @fact_processor_transactions where balance_transaction_id = '{changed['id']}'"
    )
    assert query(
        f"select status, components_difference from @fact_payout_reconciliation where payout_id = '{payout}'"
    ) == [("components_mismatch", Decimal(7).scaleb(-minor))]
    assert untied() == []
