"""Items of the reconciliation over days: open until both sides agree, the same whatever way the days came."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.dbt import PROJECT, build
from tests.lake import fresh_app_database, fresh_lake

from tieout import connections
from tieout.batch import Batch
from tieout.extract.landing import extract_landing
from tieout.extract.postgres import extract_app_db

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("stack")]

MONDAY, TUESDAY, THURSDAY = "2026-11-02", "2026-11-03", "2026-11-05"
FACT, LEAKAGE = "lake.gold_candidate.fact_reconciliation", "lake.gold_candidate.fact_leakage_daily"
MODELS = ("+fact_reconciliation", "+fact_leakage_daily")
USD = {
    **{"id": 1, "name": "US dollar", "symbol": "USD", "currencyprecision": 2, "isbasecurrency": "T"},
    **{"exchangerate": "1", "lastmodifieddate": "2026-01-01T00:00:00"},
}


def movement(charge: str, at: str, dollars: int) -> dict[str, Any]:
    """Stripe's movement of the balance for a charge."""
    created = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp())
    amounts = {"amount": dollars * 100, "fee": 0, "net": dollars * 100}
    moments = {"created": created, "available_on": created}
    kinds = {"type": "charge", "status": "available", "currency": "usd"}
    return {"id": f"txn_{charge}", "source": charge, **kinds, **amounts, **moments}


def receipt(number: int, charge: str | None, at: str, dollars: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """NetSuite's header and main line."""
    header = {
        **{"id": number, "externalid": charge, "transactionnumber": f"PYMT{number}", "type": "CustPymt"},
        **{"status": "C", "memo": None, "currency": 1, "entity": None, "postingperiod": None, "posting": "T"},
        **{"trandate": at, "createddate": at, "duedate": None, "closedate": None},
    }
    line = {
        **{"transaction": number, "id": 0, "mainline": "T", "taxline": "F", "subsidiary": 1, "entity": None},
        **{"item": None, "foreignamount": f"{dollars}.00", "netamount": f"{dollars}.00", "memo": None},
        "linelastmodifieddate": at,
    }
    return header, line


def no_main_line(number: int, at: str, dollars: int) -> tuple[None, dict[str, Any]]:
    """The line of a receipt alone, which is none of its main ones any more."""
    return None, receipt(number, None, at, dollars)[1] | {"mainline": "F"}


# Each day's movements and receipts.
DAYS: dict[str, tuple[list[dict[str, Any]], list[tuple[dict[str, Any] | None, dict[str, Any]]]]] = {
    MONDAY: (
        [
            movement("ch_same_day", "2026-11-02T10:00:00", 10),
            movement("ch_late", "2026-11-02T10:00:00", 20),
            movement("ch_corrected", "2026-11-02T10:00:00", 30),
            movement("ch_lost", "2026-11-02T00:00:00", 40),
            movement("ch_named_later", "2026-11-02T10:00:00", 50),
            movement("ch_left", "2026-11-02T10:00:00", 60),
            movement("ch_taker", "2026-11-02T10:00:00", 60),
            movement("ch_bare", "2026-11-02T10:00:00", 70),
        ],
        [
            receipt(1, "ch_same_day", "2026-11-02T11:00:00", 10),
            receipt(3, "ch_corrected", "2026-11-02T11:00:00", 29),
            receipt(5, None, "2026-11-02T11:00:00", 50),
            receipt(8, "ch_left", "2026-11-02T11:00:00", 60),
            receipt(9, "ch_bare", "2026-11-02T11:00:00", 70),
        ],
    ),
    TUESDAY: (
        [movement("ch_same_day", "2026-11-02T10:00:00", 10) | {"description": "sent again"}],
        [receipt(5, "ch_named_later", "2026-11-02T11:00:00", 50), receipt(6, "ch_late", "2026-11-03T12:00:00", 20)],
    ),
    THURSDAY: (
        [],
        [
            receipt(3, "ch_corrected", "2026-11-02T11:00:00", 30),
            receipt(7, "ch_same_day", "2026-11-05T09:00:00", 10),
            receipt(8, "ch_taker", "2026-11-02T11:00:00", 60),
            no_main_line(9, "2026-11-02T11:00:00", 70),
        ],
    ),
}
# charge, occurrence: status, previous one, first seen on and by, since, resolved by, leakage
EXPECTED = {
    ("ch_same_day", 1): ("perfect_match", None, MONDAY, MONDAY, MONDAY, MONDAY, 0),
    ("ch_same_day", 2): ("duplicate_in_erp", None, THURSDAY, THURSDAY, THURSDAY, None, 10),
    ("ch_late", 1): ("timing_difference", "missing_in_erp", MONDAY, MONDAY, TUESDAY, TUESDAY, 0),
    ("ch_corrected", 1): ("perfect_match", "amount_mismatch", MONDAY, MONDAY, THURSDAY, THURSDAY, 0),
    ("ch_lost", 1): ("missing_in_erp", None, MONDAY, MONDAY, MONDAY, None, 40),
    ("ch_named_later", 1): ("perfect_match", "missing_in_erp", MONDAY, MONDAY, TUESDAY, TUESDAY, 0),
    ("ch_left", 1): ("missing_in_erp", "perfect_match", MONDAY, MONDAY, THURSDAY, None, 60),
    ("ch_taker", 1): ("perfect_match", "missing_in_erp", MONDAY, MONDAY, THURSDAY, THURSDAY, 0),
    ("ch_bare", 1): ("amount_mismatch", "perfect_match", MONDAY, MONDAY, THURSDAY, None, 70),
}


def deliver(table: str, day: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        connections.s3_client().put_object(
            Bucket=connections.LANDING_BUCKET,
            Key=f"{table}/{day}/rows.jsonl",
            Body="\n".join(map(json.dumps, rows)).encode(),
        )


def load(day: str) -> None:
    """Deliver and extract a day."""
    movements, receipts = DAYS[day]
    deliver("stripe/balance_transactions", day, movements)
    deliver("netsuite/transaction", day, [header for header, _ in receipts if header])
    deliver("netsuite/transactionline", day, [line for _, line in receipts])
    deliver("netsuite/currency", day, [USD])
    for source in ("stripe", "netsuite"):
        extract_landing(source, Batch.of(day, f"run {day}"))


def run(*days: str, tests: bool = True) -> None:
    left_out = ["unit_test"] if tests else ["unit_test", "test"]
    for day in days:
        load(day)
        build(PROJECT, day, "--select", *MODELS, "--exclude-resource-type", *left_out, narrow_from_rows=1)


def start() -> None:
    fresh_app_database()
    fresh_lake()
    # What names no organization is looked at by every build; these do, once they have a receipt.
    with connections.app_db() as app:
        app.execute(
            "insert into organizations (id, name, country, base_currency, netsuite_subsidiary_id) "
            "values ('00000000-0000-0000-0000-000000000001', 'One', 'US', 'USD', 1)"
        )
    extract_app_db(Batch.of(MONDAY, "reference data"))


def items() -> Counter:
    return Counter(connections.query(f"select * from {FACT}"))


def leakage(day: str) -> dict[str, tuple[int, int, int, int, Decimal, Decimal]]:
    rows = connections.query(
        "select status, sum(items), sum(awaited_items), sum(opened_items), sum(resolved_items), "
        f"sum(leakage_amount), sum(awaited_amount) from {LEAKAGE} where as_of_date = date '{day}' group by status"
    )
    return {status: tuple(row) for status, *row in rows}


def test_items_stay_open_until_a_batch_settles_them_in_any_order_of_the_days(monkeypatch: pytest.MonkeyPatch):
    start()
    run(MONDAY)
    # what was charged at ten may still be posted until Tuesday at ten; at midnight the other's time is over
    assert leakage(MONDAY) == {
        "missing_in_erp": (1, 3, 4, 0, Decimal(40), Decimal(130)),
        "amount_mismatch": (1, 0, 1, 0, Decimal(1), Decimal(0)),
    }
    run(TUESDAY)
    assert leakage(TUESDAY) == {
        "missing_in_erp": (2, 0, 0, 2, Decimal(100), Decimal(0)),
        "amount_mismatch": (1, 0, 0, 0, Decimal(1), Decimal(0)),
    }
    run(THURSDAY)
    assert leakage(THURSDAY) == {
        # one was given its receipt on this day, another lost it
        "missing_in_erp": (2, 0, 0, 1, Decimal(100), Decimal(0)),
        "amount_mismatch": (1, 0, 0, 1, Decimal(70), Decimal(0)),
        "duplicate_in_erp": (1, 0, 1, 0, Decimal(10), Decimal(0)),
    }
    held = connections.query(
        "select charge_id, occurrence, status, previous_status, first_seen_on, first_seen_batch, status_since, "
        f"resolved_by_batch, leakage_amount from {FACT}"
    )
    assert {
        (charge, occurrence): tuple(str(v) if isinstance(v, date) else v for v in rest)
        for charge, occurrence, *rest in held
    } == EXPECTED

    in_order, days = items(), {day: leakage(day) for day in DAYS}
    build(PROJECT, THURSDAY, "--full-refresh", "--select", *MODELS, "--exclude-resource-type", "unit_test", "test")
    assert items() == in_order, "a rebuild gives what the days gave"

    # a past day again, from what is known of it since: the day's rows are what they were
    for day in (MONDAY, TUESDAY):
        build(PROJECT, day, "--select", "fact_leakage_daily", "--exclude-resource-type", "unit_test")
        assert leakage(day) == days[day]

    start()
    run(THURSDAY, MONDAY, TUESDAY, tests=False)
    assert items() == in_order, "in any order"

    # it was posted 26 hours later; no file of Silver is newer than the table
    monkeypatch.setenv("TIEOUT_TIMING_DIFFERENCE_HOURS", "48")
    options = ("--select", "fact_reconciliation", "--exclude-resource-type", "unit_test", "test")
    build(PROJECT, THURSDAY, *options, narrow_from_rows=1, clock_difference_seconds=0)
    assert connections.query(f"select status, resolved_on from {FACT} where charge_id = 'ch_late'") == [
        ("perfect_match", date.fromisoformat(TUESDAY))
    ]
