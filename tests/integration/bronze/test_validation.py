"""Great Expectations over real Bronze batches: what holds is recorded, what does not stops the run and is named."""

from __future__ import annotations

import json

import pytest
from tests.lake import fresh_app_database, fresh_lake

from tieout import connections
from tieout.batch import Batch
from tieout.bronze.validation import validate_bronze
from tieout.errors import ValidationError
from tieout.extract.landing import extract_landing
from tieout.extract.postgres import extract_app_db

pytestmark = pytest.mark.integration

DAY = "2026-11-20"
BATCH = Batch.of(DAY, "run")


@pytest.fixture(scope="module")
def loaded(stack: object) -> int:
    """Currencies of the migrations and one payout in Bronze; returns the number of currencies."""
    fresh_app_database()
    fresh_lake()
    payout = {"id": "po_1", "amount": 5, "currency": "usd", "status": "paid", "arrival_date": 0, "created": 0}
    connections.s3_client().put_object(
        Bucket=connections.LANDING_BUCKET, Key=f"stripe/payouts/{DAY}/a.jsonl", Body=json.dumps(payout).encode()
    )
    extract_app_db(BATCH)
    extract_landing("stripe", BATCH)
    ((count,),) = connections.query("select count(*) from lake.bronze.app_db__currencies")
    return count


def test_a_sound_batch_passes_and_every_result_is_recorded(loaded: int) -> None:
    rows = validate_bronze(BATCH)
    assert {(row.source, row.entity) for row in rows} == {("app_db", "currencies"), ("stripe", "payouts")}
    assert all(row.success and row.unexpected_count == 0 for row in rows)
    recorded = connections.query("select entity, expectation, column_name, success from lake.ops.validations")
    assert sorted(recorded, key=str) == sorted(
        ((row.entity, row.expectation, row.column_name, row.success) for row in rows), key=str
    )


def test_what_breaks_an_expectation_is_named(loaded: int) -> None:
    connections.execute(
        "insert into lake.bronze.stripe__payouts (id, currency, status, arrival_date, created, _batch, _op) values "
        f"('po_2', 'xxx', 'paid', now(), now(), date '{DAY}', 'upsert')"
    )
    connections.execute(
        "insert into lake.bronze.app_db__currencies select * from lake.bronze.app_db__currencies limit 1"
    )
    ((code,),) = connections.query("select code from lake.bronze.app_db__currencies group by code having count(*) > 1")
    with pytest.raises(ValidationError) as error:
        validate_bronze(BATCH)
    lines = [line.split(". Nothing")[0] for line in str(error.value).split("\n")]
    payouts, currencies = f"lake.bronze.stripe__payouts, batch {DAY}", f"lake.bronze.app_db__currencies, batch {DAY}"
    assert sorted(lines) == sorted(
        [
            f"{currencies}: expect_table_row_count_to_equal does not hold: "
            f"{loaded + 1} rows, and {loaded} were recorded",
            f"{currencies}, column code: expect_column_proportion_of_unique_values_to_be_between does not hold: "
            f"2 rows, among them (code {code}), (code {code})",
            f"{payouts}: expect_table_row_count_to_equal does not hold: 2 rows, and 1 were recorded",
            f"{payouts}, column amount: expect_column_values_to_not_be_null does not hold: "
            "1 row, among them (id po_2, amount None)",
            f"{payouts}, column currency: expect_column_values_to_be_in_set does not hold: "
            "1 row, among them (id po_2, currency xxx)",
        ]
    )
    assert connections.query(
        "select entity, column_name, unexpected_count from lake.ops.validations where not success order by 1, 2"
    ) == [
        ("currencies", "code", 2),
        ("currencies", None, 1),
        ("payouts", "amount", 1),
        ("payouts", "currency", 1),
        ("payouts", None, 1),
    ]
