"""Anomalies put into a generated company: its books tie as without them, and every label is of something there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.integration import test_generate
from tests.integration.test_generate import DAYS, END, PLAN, Company

from tieout.generate import ANOMALIES, advance
from tieout.generate.life import TABLES
from tieout.generate.run import live
from tieout.generate.target import Target

pytestmark = pytest.mark.integration
found = test_generate.found


class TestBooks(test_generate.TestBooks):
    """The books' tests on this module's company, which is too small for every kind of life."""

    test_every_kind_of_life_is_there = None


# One of each kind a month, and the company's first eight months are without.
WITH = replace(PLAN, invoices=2_000, bills=800, anomalies=12)
KINDS = {
    "duplicate_payment": "payment",
    "duplicate_bill": "ap_bill",
    "unusual_bill": "ap_bill",
    "unusual_payment": "payment",
    "unusual_bank_transaction": "bank_transaction",
    "over_allocation": "ap_bill",
    "new_counterparty": "payment",
    "below_limit_cluster": "payment",
    "round_amount_cluster": "payment",
    "outside_period": "journal",
    "overdue_receivable": "customer",
    "low_balance": "organization",
}
PLACES = {
    "payment": "payments where id",
    "ap_bill": "ap_bills where id",
    "bank_transaction": "bank_transactions where id",
    "journal": "gl_entries where journal_id",
    "customer": "customers where id",
    "organization": "organizations where id",
}


@pytest.fixture(scope="module")
def company(found: Callable[[str], Target]) -> Company:
    target = found("anomalies")
    live(WITH, END, target)
    return Company(target)


@pytest.fixture(scope="module")
def without(found: Callable[[str], Target]) -> Company:
    target = found("plain")
    live(replace(WITH, anomalies=None), END, target)
    return Company(target)


def test_every_label_names_something_that_is_there(company: Company) -> None:
    lines = company.truth(ANOMALIES)
    counted = Counter(line["label"] for line in lines)
    assert {kind: counted[kind] > 0 for kind in KINDS} == dict.fromkeys(KINDS, True)
    for line in lines:
        if line["label"] in KINDS:
            assert line["subject_type"] == KINDS[line["label"]]
            key = line["subject_id"].split("/")[0]
            assert company.query(f"select count(*) > 0 from {PLACES[line['subject_type']]} = %s", key) == [(True,)]


def test_what_was_there_without_them_is_unchanged(company: Company, without: Company) -> None:
    """Every row of the company without anomalies, but the one minimum of cash."""
    assert without.truth(ANOMALIES) == []
    for table in TABLES:
        column = "(to_jsonb(t) - 'minimum_cash_balance' - 'updated_at')::text"
        plain = {row[0] for row in without.query(f"select {column} from {table} as t")}
        assert plain <= {row[0] for row in company.query(f"select {column} from {table} as t")}, table
    lows = "select id, minimum_cash_balance from organizations"
    assert len(set(company.query(lows)) - set(without.query(lows))) == 1


def test_a_twice_paid_bill_is_settled_twice(company: Company) -> None:
    keys = [line["subject_id"] for line in company.truth(ANOMALIES) if line["label"] == "duplicate_payment"]
    settled = company.query(
        """
        select sum(a.amount) = 2 * b.total_amount from payment_allocations a join ap_bills b on b.id = a.ap_bill_id
        where b.id in (select ap_bill_id from payment_allocations where payment_id = any(%s::uuid[]))
        group by b.id, b.total_amount
        """,
        keys,
    )
    assert settled == [(True,)] * len(keys)


def test_living_on_is_the_same_as_having_lived_longer(company: Company, found: Callable[[str], Target]) -> None:
    target = found("aged")
    live(WITH, END - timedelta(days=DAYS), target)
    advance(DAYS, target=target)
    older = Company(target)
    assert older.content() == company.content()

    def labels(of: Company) -> list[str]:
        return sorted(json.dumps(line, sort_keys=True) for line in of.truth(ANOMALIES))

    assert labels(older) == labels(company)
