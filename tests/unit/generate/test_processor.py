"""Stripe's balance as the generator makes it: every payout is what it is made of; no database needed."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import date
from typing import Any

import pytest

from tieout.generate.life import Life
from tieout.generate.moments import day_number, end_of
from tieout.generate.netsuite import LINE, TRANSACTION
from tieout.generate.plan import Plan

START, END = date(2025, 1, 10), date(2026, 3, 31)
PLAN = Plan.of(60_000, 7, START, END)


@pytest.fixture(scope="module")
def made() -> dict[str, list[dict[str, Any]]]:
    return rows(END, None)


def rows(end: date, since: date | None) -> dict[str, list[dict[str, Any]]]:
    """Everything that Stripe and the bank have at the end of a day, and NetSuite's deposits; seen back from since."""
    until = end_of(day_number(end))
    life = Life(PLAN, until, None if since is None else end_of(day_number(since)))
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for chapter in life.chapters():
        for each in chapter.rows:
            if each.table.startswith("stripe/") or each.table in ("bank_transactions", TRANSACTION, LINE):
                here = each.present(until)
                if since is not None:
                    here = each.inserted(end_of(day_number(since)), until)
                values = each.as_of(here, until).to_pylist()
                found[each.table] += [json.loads(v["line"]) for v in values] if "stripe/" in each.table else values
        found["payouts"] += [line for labels in chapter.payouts for line in labels.between(0, until)]
    return found


def test_every_net_is_its_amount_less_its_fee(made) -> None:
    for row in made["stripe/balance_transactions"]:
        assert row["net"] == row["amount"] - row["fee"]
        assert row["fee"] == sum(part["amount"] for part in row["fee_details"])


def test_a_payout_is_the_sum_of_its_parts(made) -> None:
    nets = {row["id"]: row["net"] for row in made["stripe/balance_transactions"]}
    parts: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for row in made["stripe/payout_balance_transactions"]:
        parts[row["payout"]] += nets[row["balance_transaction"]]
        seen[row["balance_transaction"]] += 1
    assert set(seen.values()) == {1}
    payouts = {row["id"]: row["amount"] for row in made["stripe/payouts"]}
    assert len(payouts) > 100
    assert parts == payouts


def test_a_failed_payout_is_back_in_the_balance_and_goes_out_with_another(made) -> None:
    failed = {row["id"]: row for row in made["stripe/payouts"] if row["status"] == "failed"}
    assert failed
    paid_with = {row["balance_transaction"]: row["payout"] for row in made["stripe/payout_balance_transactions"]}
    net: Counter[str] = Counter()
    for row in made["stripe/balance_transactions"]:
        if row["source"] in failed:
            net[row["source"]] += row["net"]
            if row["type"] == "payout_failure":
                assert row["id"] == failed[row["source"]]["failure_balance_transaction"]
                assert paid_with[row["id"]] not in failed
    assert set(net) == set(failed) and not any(net.values())
    assert not {row["description"] for row in made["bank_transactions"]} & set(failed)


def test_disputes_take_amount_and_fee_and_give_back_the_amount_when_won(made) -> None:
    moved: dict[str, list[dict]] = defaultdict(list)
    for row in made["stripe/balance_transactions"]:
        moved[row["source"]].append(row)
    charges = {row["id"]: row for row in made["stripe/charges"]}
    seen = set()
    for row in made["stripe/disputes"]:
        seen.add(row["status"])
        assert charges[row["charge"]]["disputed"] and row["amount"] == charges[row["charge"]]["amount"]
        assert [m["id"] for m in moved[row["id"]]] == row["balance_transactions"]
        assert [m["reporting_category"] for m in moved[row["id"]]] == ["dispute", "dispute_reversal"][
            : 2 if row["status"] == "won" else 1
        ]
        assert moved[row["id"]][0]["fee"] > 0
        assert sum(m["amount"] for m in moved[row["id"]]) == (0 if row["status"] == "won" else -row["amount"])
    assert seen >= {"won", "lost"}
    assert sum(row["disputed"] for row in made["stripe/charges"]) == len(made["stripe/disputes"])


def test_top_ups_leave_the_bank_and_fees_have_no_source(made) -> None:
    topups = {row["source"]: row["amount"] for row in made["stripe/balance_transactions"] if row["type"] == "topup"}
    booked = {row["description"]: row["amount"] for row in made["bank_transactions"] if row["description"] in topups}
    assert set(booked) == set(topups) and topups
    assert all(amount < 0 for amount in booked.values())
    fees = [row for row in made["stripe/balance_transactions"] if row["type"] == "stripe_fee"]
    assert fees and all(row["fee"] == 0 and row["amount"] < 0 and row["source"] is None for row in fees)


def test_payouts_are_in_the_bank_and_in_netsuite_but_for_the_faults_that_the_truth_names(made) -> None:
    faulty = {line["payout_id"]: line["label"] for line in made["payouts"]}
    assert set(faulty.values()) == {
        "payout_failed", "payout_missing_in_erp", "payout_amount", "payout_duplicate_in_erp"
    }  # fmt: skip
    booked = {row["description"]: row["amount"] for row in made["bank_transactions"]}
    amounts = {row["transaction"]: row["foreignamount"] for row in made[LINE] if row["mainline"] == "T"}
    deposits: dict[str, list] = defaultdict(list)
    for row in made[TRANSACTION]:
        if row["type"] == "Deposit":
            assert row["entity"] is None
            deposits[row["externalid"]].append(amounts[row["id"]])
    for row in made["stripe/payouts"]:
        label, bank = faulty.get(row["id"]), booked.get(row["id"])
        if row["status"] != "paid":
            assert bank is None and (label == "payout_failed") == (row["status"] == "failed")
            continue
        # a deposit may come a few hours after the last day seen
        expected = {"payout_missing_in_erp": [], "payout_duplicate_in_erp": [bank, bank]}.get(label, [bank])
        if label == "payout_amount":
            assert [amount - bank for amount in deposits[row["id"]]] not in ([], [0])
        else:
            assert deposits[row["id"]] == expected


def test_invoices_and_customers_name_what_is_there(made) -> None:
    customers = {row["id"] for row in made["stripe/customers"]}
    charges = {row["id"]: row for row in made["stripe/charges"]}
    assert {row["customer"] for row in charges.values()} <= customers
    assert {row["status"] for row in made["stripe/invoices"]} == {"open", "paid"}
    for row in made["stripe/invoices"]:
        assert row["customer"] in customers
        assert row["total"] == row["subtotal"] + row["tax"] == row["amount_paid"] + row["amount_remaining"]
        assert row["charge"] is None or charges[row["charge"]]["amount"] == row["amount_paid"]


def test_a_day_brings_the_same_whether_its_past_is_seen_or_not(made) -> None:
    """What came after a day, seen back from it alone, is what the whole life has of it."""
    since = date(2026, 3, 1)
    first = end_of(day_number(since)) // 1_000_000
    created = {row["id"]: row["created"] for row in made["stripe/payouts"]}
    brought = rows(END, since)
    assert len(brought["stripe/payout_balance_transactions"]) > 10
    for table in (table for table in made if table.startswith("stripe/")):
        whole = [row for row in made[table] if row.get("created", created.get(row.get("payout"), 0)) >= first]
        assert sorted(map(json.dumps, brought[table])) == sorted(map(json.dumps, whole)), table
