"""Items of the reconciliation over days: open until both sides agree, the same whatever way the days came."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from tests.dbt import PROJECT, build
from tests.lake import fresh_app_database, fresh_lake

from tieout import connections
from tieout.batch import Batch
from tieout.controls.drift import DIFFERENT, DifferingRow, differing_deliveries
from tieout.controls.identities import identity_totals, load_identities
from tieout.controls.layers import newest_totals
from tieout.controls.totals import silver_totals
from tieout.extract.landing import extract_landing
from tieout.extract.postgres import extract_app_db
from tieout.sources import load_table

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("stack")]

# Organizations, each with the NetSuite subsidiary of its number.
ONE, TWO, THREE = (f"00000000-0000-0000-0000-00000000000{number}" for number in (1, 2, 3))
MONDAY, TUESDAY, THURSDAY = "2026-11-02", "2026-11-03", "2026-11-05"
FACT, LEAKAGE = "lake.gold_candidate.fact_reconciliation", "lake.gold_candidate.fact_leakage_daily"
TIED = ("fact_reconciliation", "fact_erp_postings")
POSTINGS = "lake.gold_candidate.fact_erp_postings"
MODELS = ("+fact_reconciliation", "+fact_leakage_daily")
USD = {
    **{"id": 1, "name": "US dollar", "symbol": "USD", "currencyprecision": 2, "isbasecurrency": "T"},
    **{"exchangerate": "1", "lastmodifieddate": "2026-01-01T00:00:00"},
}


def movement(source: str, at: str, dollars: int) -> dict[str, Any]:
    """Stripe's movement of the balance for a charge or a refund."""
    created = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp())
    amounts = {"amount": dollars * 100, "fee": 0, "net": dollars * 100}
    moments = {"created": created, "available_on": created}
    kind = "refund" if source.startswith("re_") else "charge"
    kinds = {"type": kind, "status": "available", "currency": "usd"}
    return {"id": f"txn_{source}", "source": source, **kinds, **amounts, **moments}


def receipt(number: int, source: str | None, at: str, dollars: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """NetSuite's header and main line."""
    header = {
        **{"id": number, "externalid": source, "transactionnumber": f"PYMT{number}", "type": "CustPymt"},
        **{"status": "C", "memo": None, "currency": 1, "entity": None, "postingperiod": None, "posting": "T"},
        **{"trandate": at, "createddate": at, "duedate": None, "closedate": None},
    }
    line = {
        **{"transaction": number, "id": 0, "mainline": "T", "taxline": "F", "subsidiary": 1, "entity": None},
        **{"item": None, "foreignamount": f"{dollars}.00", "netamount": f"{dollars}.00", "memo": None},
        "linelastmodifieddate": at,
    }
    return header, line


def postings(number: int, dollars: int) -> list[dict[str, Any]]:
    """What a receipt posts: to the bank, and to what was received."""
    given = {"accountingbook": 1, "debit": None, "credit": None, "netamount": None, "exchangerate": "1", "posting": "T"}
    return [
        {"transaction": number, "transactionline": line, "account": 10 + line, "amount": f"{amount}.00", **given}
        for line, amount in enumerate((dollars, -dollars))
    ]


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
            movement("re_late", "2026-11-02T10:00:00", -5),
            movement("re_corrected", "2026-11-02T10:00:00", -6),
            movement("re_left", "2026-11-02T10:00:00", -8),
            movement("re_failed", "2026-11-02T10:00:00", -9),
        ],
        [
            receipt(1, "ch_same_day", "2026-11-02T11:00:00", 10),
            receipt(3, "ch_corrected", "2026-11-02T11:00:00", 29),
            receipt(5, None, "2026-11-02T11:00:00", 50),
            receipt(8, "ch_left", "2026-11-02T11:00:00", 60),
            receipt(9, "ch_bare", "2026-11-02T11:00:00", 70),
            receipt(11, "re_corrected", "2026-11-02T11:00:00", -7),
            receipt(12, "re_left", "2026-11-02T11:00:00", -8),
            receipt(13, "re_failed", "2026-11-02T11:00:00", -9),
        ],
    ),
    TUESDAY: (
        [
            movement("ch_same_day", "2026-11-02T10:00:00", 10) | {"description": "sent again"},
            movement("re_failed", "2026-11-03T10:00:00", 9) | {"id": "txn_failed", "type": "refund_failure"},
        ],
        [
            receipt(5, "ch_named_later", "2026-11-02T11:00:00", 50),
            receipt(6, "ch_late", "2026-11-03T12:00:00", 20),
            receipt(14, "re_late", "2026-11-03T12:00:00", -5),
        ],
    ),
    THURSDAY: (
        [],
        [
            receipt(3, "ch_corrected", "2026-11-02T11:00:00", 30),
            receipt(7, "ch_same_day", "2026-11-05T09:00:00", 10),
            receipt(8, "ch_taker", "2026-11-02T11:00:00", 60),
            no_main_line(9, "2026-11-02T11:00:00", 70),
            receipt(11, "re_corrected", "2026-11-02T11:00:00", -6),
            receipt(12, None, "2026-11-02T11:00:00", -8),
            receipt(15, "re_failed", "2026-11-05T09:00:00", 9),
            receipt(16, "re_late", "2026-11-05T09:00:00", -5),
        ],
    ),
}
# charge or refund, occurrence: status, previous one, first seen on and by, since, resolved by, leakage
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
    ("re_late", 1): ("timing_difference", "missing_in_erp", MONDAY, MONDAY, TUESDAY, TUESDAY, 0),
    ("re_late", 2): ("duplicate_in_erp", None, THURSDAY, THURSDAY, THURSDAY, None, 5),
    ("re_corrected", 1): ("perfect_match", "amount_mismatch", MONDAY, MONDAY, THURSDAY, THURSDAY, 0),
    ("re_left", 1): ("missing_in_erp", "perfect_match", MONDAY, MONDAY, THURSDAY, None, 8),
    ("re_failed", 1): ("perfect_match", None, MONDAY, MONDAY, MONDAY, MONDAY, 0),
    ("re_failed", 2): ("timing_difference", "missing_in_erp", TUESDAY, TUESDAY, THURSDAY, THURSDAY, 0),
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
        organization(app, ONE)
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
        "missing_in_erp": (1, 4, 5, 0, Decimal(40), Decimal(135)),
        "amount_mismatch": (2, 0, 2, 0, Decimal(2), Decimal(0)),
    }
    run(TUESDAY)
    assert leakage(TUESDAY) == {
        "missing_in_erp": (2, 1, 1, 3, Decimal(100), Decimal(9)),
        "amount_mismatch": (2, 0, 0, 0, Decimal(2), Decimal(0)),
    }
    run(THURSDAY)
    assert leakage(THURSDAY) == {
        # one of each kind was given its transaction on this day, another lost it
        "missing_in_erp": (3, 0, 0, 2, Decimal(108), Decimal(0)),
        "amount_mismatch": (1, 0, 0, 2, Decimal(70), Decimal(0)),
        "duplicate_in_erp": (2, 0, 2, 0, Decimal(15), Decimal(0)),
    }
    held = connections.query(
        "select source_id, occurrence, status, previous_status, first_seen_on, first_seen_batch, status_since, "
        f"resolved_by_batch, leakage_amount from {FACT}"
    )
    assert {
        (source, occurrence): tuple(str(v) if isinstance(v, date) else v for v in rest)
        for source, occurrence, *rest in held
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
    assert connections.query(f"select status, resolved_on from {FACT} where source_id = 'ch_late'") == [
        ("perfect_match", date.fromisoformat(TUESDAY))
    ]


def charge(id_: str, org: str | None) -> dict[str, Any]:
    """Stripe's charge, whose metadata names an organization."""
    return {
        **{"id": id_, "status": "succeeded", "currency": "usd", "amount": 5000, "amount_refunded": 1000},
        **{"paid": True, "refunded": False, "metadata": {"org_id": org}, "created": 1793584800},
    }


def refund(id_: str, of: str, org: str | None) -> dict[str, Any]:
    """Stripe's refund of a charge; its metadata names an organization, or nothing."""
    return {
        **{"id": id_, "charge": of, "status": "succeeded", "currency": "usd", "amount": 1000},
        **{"metadata": {"org_id": org} if org else {}, "created": 1793620800},
    }


def organization(app: psycopg.Connection, id_: str) -> None:
    app.execute(
        "insert into organizations (id, name, country, base_currency, netsuite_subsidiary_id) "
        "values (%s, %s, 'US', 'USD', %s)",
        [id_, f"Company {id_[-1]}", int(id_[-1])],
    )


def belonging_to(day: str, **rows: list[dict[str, Any]]) -> dict[str, tuple[str, str | None]]:
    """Deliver Stripe's objects of a day, build what changed, and tell {refund: its organization and charge}."""
    for table, objects in rows.items():
        deliver(f"stripe/{table}", day, objects)
    extract_app_db(Batch.of(day, f"run {day}"))
    for source in ("stripe", "netsuite"):
        extract_landing(source, Batch.of(day, f"run {day}"))
    options = ("--select", "+fact_reconciliation", "--exclude-resource-type", "unit_test", "test")
    # nothing is looked at again but what the day changed
    build(PROJECT, day, *options, narrow_from_rows=1, clock_difference_seconds=0)
    held = connections.query(f"select source_id, org_id, refunded_charge_id, status from {FACT}")
    assert {status for *_, status in held} == {"perfect_match"}, "what is open would be looked at anyway"
    return {source: (org, of) for source, org, of, _ in held}


def test_a_refund_belongs_to_whom_its_charge_does_whenever_that_is_said():
    fresh_app_database()
    fresh_lake()
    with connections.app_db() as app:
        organization(app, ONE)
        organization(app, TWO)
    day, entries = MONDAY, [receipt(n, f"re_{n}", "2026-11-02T11:00:00", -10) for n in (1, 2)]
    # a line without a subsidiary says nothing of the first one's organization, so nothing but Stripe does
    entries[0][1]["subsidiary"] = None
    deliver("netsuite/transaction", day, [header for header, _ in entries])
    deliver("netsuite/transactionline", day, [line for _, line in entries])
    deliver("netsuite/currency", day, [USD])
    movements = [movement(f"re_{n}", "2026-11-02T10:00:00", -10) for n in (1, 2)]
    said = belonging_to(day, balance_transactions=movements, refunds=[refund("re_1", "ch_1", ONE)])
    assert said == {"re_1": (ONE, "ch_1"), "re_2": (ONE, None)}

    # the charge of one names an organization that nobody knows yet; that of the other is told
    said = belonging_to("2026-11-03", charges=[charge("ch_1", THREE)], refunds=[refund("re_2", "ch_2", None)])
    assert said == {"re_1": (ONE, "ch_1"), "re_2": (ONE, "ch_2")}

    with connections.app_db() as app:
        organization(app, THREE)
        customer = app.execute(
            "insert into customers (org_id, customer_number, name, country, currency, payment_terms_days) "
            "values (%s, 'C1', 'Customer', 'US', 'USD', 30) returning id",
            [TWO],
        ).fetchone()[0]
        app.execute(
            "insert into payments (org_id, direction, status, customer_id, currency, amount, payment_date, processor, "
            "processor_reference) values (%s, 'in', 'succeeded', %s, 'USD', 50, '2026-11-02', 'stripe', 'ch_2')",
            [TWO, customer],
        )
    said = belonging_to("2026-11-04")
    assert said == {"re_1": (THREE, "ch_1"), "re_2": (TWO, "ch_2")}

    said = belonging_to("2026-11-05", charges=[charge("ch_1", TWO)], refunds=[refund("re_2", "ch_1", None)])
    assert said == {"re_1": (TWO, "ch_1"), "re_2": (TWO, "ch_1")}

    by_days = items()
    build(PROJECT, THURSDAY, "--full-refresh", "--select", "fact_reconciliation", "--exclude-resource-type", "test")
    assert items() == by_days, "a rebuild gives what the days gave"


def test_what_netsuite_deletes_is_in_no_books_any_more():
    start()
    days = (MONDAY, TUESDAY, "2026-11-04")
    receipts = {
        # the second of ch_twice is one too many, and nobody charged ch_unbilled
        1: receipt(1, "ch_gone", "2026-11-02T11:00:00", 10),
        2: receipt(2, "ch_twice", "2026-11-02T11:00:00", 20),
        3: receipt(3, "ch_twice", "2026-11-02T12:00:00", 20),
        4: receipt(4, "ch_unbilled", "2026-11-02T11:00:00", 30),
        5: receipt(5, "ch_replaced", "2026-11-02T11:00:00", 40),
    }
    replacement = receipt(6, "ch_replaced", "2026-11-02T12:00:00", 40)
    charged = {"ch_gone": 10, "ch_twice": 20, "ch_replaced": 40}
    movements = [movement(source, "2026-11-02T10:00:00", dollars) for source, dollars in charged.items()]
    deleted = [tuple(row | {"deleted": "T"} for row in receipts[number]) for number in (1, 3, 4, 5)]
    restored = [tuple(row | {"_fivetran_deleted": "FALSE"} for row in receipts[1])]
    # of a transaction that is gone, a connector may leave the lines as they were
    deleted[2] = deleted[2][0], receipts[4][1]
    posted = [*postings(1, 10), *postings(2, 20), *postings(3, 20), *postings(4, 30)]
    taken_back = [row | {"deleted": "T"} for row in postings(3, 20)]
    select = ("--select", *MODELS, "+fact_erp_postings")
    held, books = [], []
    for day, came, entries in zip(
        days, ([*receipts.values()], [*deleted, replacement], restored), (posted, taken_back, []), strict=True
    ):
        deliver("netsuite/transaction", day, [header for header, _ in came])
        deliver("netsuite/transactionline", day, [line for _, line in came])
        deliver("netsuite/transactionaccountingline", day, entries)
        deliver("netsuite/currency", day, [USD])
        deliver("stripe/balance_transactions", day, movements)
        for source in ("stripe", "netsuite"):
            extract_landing(source, Batch.of(day, f"run {day}"))
        build(PROJECT, day, *select, "--exclude-resource-type", "unit_test", narrow_from_rows=1)
        totals = identity_totals([one for one in load_identities() if one.entity in TIED])
        assert [one.name for one, (silver, gold) in totals.items() if silver != gold] == []
        books.append({number for (number,) in connections.query(f"select netsuite_transaction_id from {POSTINGS}")})
        rows = connections.query(
            "select source_id, occurrence, status, previous_status, status_since, leakage_amount, "
            f"previous_variance_amount, resolved_by_batch, org_id from {FACT}"
        )
        held.append({tuple(row[:2]): (*row[2:4], str(row[4]), *row[5:7], row[7] and str(row[7])) for row in rows})
        # also of what has no transaction any more: by its subsidiary
        assert {row[8] for row in rows} == {ONE}
    at_first = {
        ("ch_gone", 1): ("perfect_match", None, MONDAY, 0, None, MONDAY),
        ("ch_twice", 1): ("perfect_match", None, MONDAY, 0, None, MONDAY),
        ("ch_twice", 2): ("duplicate_in_erp", None, MONDAY, 20, None, None),
        ("ch_unbilled", 1): ("missing_in_billing", None, MONDAY, 30, None, None),
        ("ch_replaced", 1): ("perfect_match", None, MONDAY, 0, None, MONDAY),
    }
    without = {
        ("ch_gone", 1): ("missing_in_erp", "perfect_match", TUESDAY, 10, 0, None),
        ("ch_twice", 1): ("perfect_match", None, MONDAY, 0, None, MONDAY),
        ("ch_twice", 2): ("removed_from_erp", "duplicate_in_erp", TUESDAY, 0, -20, TUESDAY),
        ("ch_unbilled", 1): ("removed_from_erp", "missing_in_billing", TUESDAY, 0, -30, TUESDAY),
        # there was one at any time, so none was too many
        ("ch_replaced", 1): ("perfect_match", None, MONDAY, 0, None, TUESDAY),
    }
    again = without | {("ch_gone", 1): ("perfect_match", "missing_in_erp", days[2], 0, 10, days[2])}
    assert held == [at_first, without, again]
    settled = leakage(TUESDAY)
    assert (settled["duplicate_in_erp"], settled["missing_in_billing"]) == (
        (0, 0, 0, 1, Decimal(0), Decimal(0)),
        (0, 0, 0, 1, Decimal(0), Decimal(0)),
    )
    assert books == [{1, 2, 3, 4}, {2}, {1, 2}]

    in_order = items()
    build(PROJECT, days[2], "--full-refresh", "--select", *MODELS, "--exclude-resource-type", "unit_test", "test")
    assert items() == in_order, "a rebuild gives what the days gave"

    # Bronze and Silver are compared with what was deleted, and with whether it was
    tables = [load_table("netsuite", name) for name in ("transaction", "transactionline")]
    assert newest_totals(tables) == silver_totals(tables)
    assert [differing_deliveries(table, 10) for table in tables] == [[], []]
    connections.execute(f"update {tables[0].silver} set is_deleted = false where transaction_id = 3")
    assert differing_deliveries(tables[0], 10) == [DifferingRow(("3",), DIFFERENT)]
