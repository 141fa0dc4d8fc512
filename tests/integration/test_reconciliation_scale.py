"""Both sides of a reconciliation, delivered in batches, all the way to Gold: what is found is what was put in, by id.

30,000 charges and refunds a delivery; `python -m benchmarks.reconciliation_scale` does the same with 1.5 million.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta

import pyarrow as pa
import pytest
from tests.dbt import PROJECT, build
from tests.lake import fresh_app_database, fresh_lake

from tieout import connections
from tieout.batch import Batch
from tieout.bronze.validation import validate_bronze
from tieout.controls import tie_out
from tieout.extract.landing import extract_landing
from tieout.extract.postgres import extract_app_db
from tieout.generate.landing import LandingWriter
from tieout.generate.reconciliation import Faults, ReconciliationError, Request
from tieout.generate.reconciliation_delivery import Delivered, deliver
from tieout.generate.target import Target

pytestmark = pytest.mark.integration

FACT = "lake.gold_candidate.fact_reconciliation"
FIRST = date(2026, 10, 20)
ROWS, FILE_ROWS = 30_000, 5_000
PLAIN = Faults(missing=51, mismatch=100)
NOISY = Faults(missing=50, mismatch=101, drift=70, duplicates=30, metadata=20, currency=40)
SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def deliveries(stack: None) -> dict[tuple[int, str], Delivered]:
    """{(seed, kind): what was delivered} of three days' runs: a day and seed each, with noise and without."""
    fresh_app_database()
    fresh_lake()
    made = {}
    for number, seed in enumerate(SEEDS):
        day = FIRST + timedelta(days=2 * number)
        made[seed, "plain"] = deliver(Request(ROWS, FILE_ROWS, seed, day - timedelta(days=1), PLAIN))
        made[seed, "noisy"] = deliver(Request(ROWS, FILE_ROWS, seed, day, NOISY))
        batch = Batch.of(day, "test")
        if number == 0:  # the company that the first delivery makes stays as it is
            extract_app_db(batch)
        for source in ("stripe", "netsuite"):
            extract_landing(source, batch)
        # The whole of it once, on the last day: days before are what later ones are merged into.
        last = seed == SEEDS[-1]
        if last:
            validate_bronze(batch)
        left_out = ["unit_test"] if last else ["unit_test", "test"]
        build(PROJECT, str(day), "--select", "+fact_reconciliation", "--exclude-resource-type", *left_out)
    return made


def truth(delivered: Delivered) -> list[dict]:
    return [json.loads(line) for line in delivered.truth.read_text().splitlines()]


@pytest.mark.parametrize("kind", ["plain", "noisy"])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_fault_is_found_by_id(deliveries: dict, seed: int, kind: str) -> None:
    lines = truth(deliveries[seed, kind])
    asked = PLAIN if kind == "plain" else NOISY
    assert Counter(line["status"] for line in lines) == {
        "missing_in_erp": 26 if kind == "plain" else 25,
        "missing_in_billing": 25,
        "amount_mismatch": asked.mismatch,
        **(
            {"timing_difference": 70, "duplicate_in_erp": 30, "metadata_mismatch": 20, "currency_mismatch": 40}
            if kind == "noisy"
            else {}
        ),
    }
    ids = ", ".join(f"'{line['reconciliation_id']}'" for line in lines)
    found = connections.query(
        "select status, reconciliation_id, source_id, balance_transaction_id, netsuite_transaction_id "
        f"from {FACT} where reconciliation_id in ({ids})"
    )
    assert set(found) == {tuple(line.values()) for line in lines}


def test_no_fault_is_invented(deliveries: dict) -> None:
    injected = {line["reconciliation_id"] for delivered in deliveries.values() for line in truth(delivered)}
    found = connections.query(f"select reconciliation_id from {FACT} where status <> 'perfect_match'")
    assert sorted(id_ for (id_,) in found) == sorted(injected)
    # Every item is there once, and every duplicate on top.
    [(rows,)] = connections.query(f"select count(*) from {FACT}")
    assert rows == len(SEEDS) * (2 * ROWS + NOISY.duplicates)


def test_refunds_are_among_the_items(deliveries: dict) -> None:
    found = connections.query(
        "select item_type, count(distinct status), min(sign(stripe_amount)), max(sign(netsuite_amount)) "
        f"from {FACT} group by 1 order by 1"
    )
    assert found == [("charge", 8, 1, 1), ("refund", 8, -1, -1)]


def test_a_day_exactly_is_no_difference(deliveries: dict) -> None:
    [(on_the_edge,)] = connections.query(
        f"select count(*) from {FACT} where posting_delay_seconds = 86400 and status = 'perfect_match'"
    )
    assert on_the_edge > 0
    [(late,)] = connections.query(f"select count(*) from {FACT} where posting_delay_seconds > 86400")
    assert late == len(SEEDS) * NOISY.drift


def test_amounts_are_exact_in_currencies_of_every_number_of_digits(deliveries: dict) -> None:
    found = connections.query(
        "select stripe_currency, max(case when stripe_amount <> floor(stripe_amount) then 1 else 0 end) "
        f"from {FACT} where stripe_currency in ('JPY', 'USD', 'KWD') group by 1"
    )
    assert dict(found) == {"JPY": 0, "USD": 1, "KWD": 1}
    thousandths = connections.query(
        f"select 1 from {FACT} where stripe_currency = 'KWD' and stripe_amount * 100 % 1 <> 0"
    )
    assert thousandths


def test_every_row_has_its_organization_and_rate(deliveries: dict) -> None:
    assert connections.query(f"select count(*) from {FACT} where org_id is null or is_rate_missing") == [(0,)]


def test_the_layers_tie(deliveries: dict) -> None:
    last = Batch.of(FIRST + timedelta(days=2 * len(SEEDS) - 2), "test")
    built = {("stripe", entity) for entity in ("balance_transactions", "charges", "refunds")}
    built |= {("netsuite", entity) for entity in ("transaction", "transactionline", "currency")}
    built.add(("lake", "fact_reconciliation"))
    compared = [row for row in tie_out.measure(last).comparisons if (row.source, row.entity) in built]
    assert {row.check_name for row in compared} > {tie_out.OUTCOME_BRONZE, tie_out.BRONZE_SILVER}
    assert [row for row in compared if row.status != tie_out.TIED] == []


def test_a_company_that_delivers_into_the_same_folder_lists_its_files(deliveries: dict) -> None:
    day = FIRST + timedelta(days=30)
    asked = Request(100, 100, 4, day, Faults())
    deliver(asked)
    row = {"id": 99, "symbol": "XTS", "name": "Testing"}
    rest = dict.fromkeys(("currencyprecision", "isbasecurrency", "exchangerate", "lastmodifieddate"))
    with LandingWriter(Target.of_settings(), day) as landing:
        landing.add("netsuite/currency", pa.Table.from_pylist([row | rest]))
    outcomes = {outcome.file: outcome for outcome in extract_landing("netsuite", Batch.of(day, "test"))}
    generated = [file for file in outcomes if file and "/generated-" in file]
    assert sorted((outcomes[file].status, outcomes[file].rows_kept) for file in generated) == [
        ("loaded", 1),
        ("skipped", 0),
    ]
    with pytest.raises(ReconciliationError, match="has deliveries already"):
        deliver(asked)
