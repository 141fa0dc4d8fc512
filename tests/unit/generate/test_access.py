"""Generated users and memberships: every role, of every organization, the same whenever they are looked at."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from tieout.generate.access import access_rows, people
from tieout.generate.moments import day_number, end_of
from tieout.generate.organizations import organizations
from tieout.generate.plan import Plan
from tieout.generate.wealth import PORTFOLIOS
from tieout.generate.world import ORGANIZATIONS

START, END = date(2025, 6, 12), date(2026, 3, 31)
PLAN = Plan.of(40_000, 7, START, END)
OWN = organizations(PLAN)


def tables(until: date, plan: Plan = PLAN) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Users and memberships as they are at the end of a day."""
    moment = end_of(day_number(until))
    return tuple(r.as_of(r.present(moment), moment).to_pylist() for r in access_rows(plan, OWN))


def test_every_organization_has_its_own_and_every_portfolio_its_owner() -> None:
    _, memberships = tables(END)
    roles = Counter(m["role"] for m in memberships)
    # Three of each organization, one of whom looks after another one's books as well.
    assert roles == {
        "bank_administrator": 2,
        "corporate": 3 * len(ORGANIZATIONS) + 1,
        "individual": len(PORTFOLIOS),
    }
    assert {m["org_id"] for m in memberships if m["org_id"]} == set(OWN.id.to_pylist())
    assert {(m["org_id"], m["portfolio"]) for m in memberships if m["portfolio"]} == {
        (OWN.id[org].as_py(), portfolio) for org, portfolio in PORTFOLIOS
    }


def test_addresses_are_unique_and_plain() -> None:
    for seed in range(20):
        addresses = [person.email for person in people(seed)]
        assert len(set(addresses)) == len(addresses)
        assert all(address.isascii() and address == address.lower() for address in addresses)


def test_a_membership_begins_after_its_user_and_ends_after_it_began() -> None:
    users, memberships = tables(END)
    created = {user["id"]: user["created_at"] for user in users}
    for membership in memberships:
        assert created[membership["user_id"]] < membership["granted_at"]
        assert membership["ended_at"] is None or membership["ended_at"] > membership["granted_at"]


def test_who_leaves_stays_with_an_ended_membership() -> None:
    users, memberships = tables(END)
    over = {membership["user_id"] for membership in memberships if membership["ended_at"]}
    assert over == {user["id"] for user in users if not user["is_active"]}
    assert len(over) == len(ORGANIZATIONS)
    first, _ = tables(START)
    assert len(first) == len(users) - len(ORGANIZATIONS)


@pytest.mark.parametrize("days", [0, 60, 150, 230])
def test_the_past_stays_as_it_was(days: int) -> None:
    then, now = tables(START + timedelta(days=days)), tables(END)
    for before, after in zip(then, now, strict=True):
        by_id = {row["id"]: row for row in after}
        for row in before:
            changing = {"is_active", "ended_at"} & {name for name in row if by_id[row["id"]][name] != row[name]}
            assert {**by_id[row["id"]], **{name: row[name] for name in changing}} == row
