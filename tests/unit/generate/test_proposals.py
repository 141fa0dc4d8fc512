"""Generated proposals: each adopted budget was one before, in states and at times that the database allows."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tieout.generate.budgets import budget_rows
from tieout.generate.moments import day_number, end_of
from tieout.generate.organizations import organizations
from tieout.generate.plan import Plan
from tieout.generate.proposals import JUSTIFICATIONS, PROPOSALS, WORK, proposal_rows

START, END = date(2024, 11, 1), date(2026, 10, 31)
PLAN = Plan.of("demo", 1, START, END)
OWN = organizations(PLAN)
Rows = list[dict[str, Any]]


def tables(until: date) -> dict[str, Rows]:
    moment = end_of(day_number(until))
    found: dict[str, Rows] = defaultdict(list)
    for rows in [*budget_rows(PLAN, OWN, moment), *proposal_rows(PLAN, OWN, moment)]:
        found[rows.table] += rows.as_of(rows.present(moment), moment).to_pylist()
    return found


@pytest.fixture(scope="module")
def made() -> dict[str, Rows]:
    return tables(END)


def test_an_adopted_budget_was_proposed_and_is_no_more_than_that(made: dict[str, Rows]) -> None:
    budgets = {row["id"]: row for row in made["program_budgets"]}
    adopted = {row["program_budget_id"]: row for row in made[PROPOSALS] if row["status"] == "adopted"}
    assert set(adopted) == set(budgets)
    sums: Counter[str] = Counter()
    for line in made["budget_line_items"]:
        if line["adjusts_id"] is None:
            sums[line["program_budget_id"]] += line["amount"]
    for key, proposal in adopted.items():
        budget = budgets[key]
        for column in ("org_id", "program_code", "name", "fiscal_year", "currency"):
            assert proposal[column] == budget[column]
        assert proposal["decided_on"] == budget["adopted_on"]
        assert Decimal(0) < sums[key] <= proposal["amount"]


def test_a_state_has_what_belongs_to_it(made: dict[str, Rows]) -> None:
    assert {"adopted", "rejected", "draft"} <= {row["status"] for row in made[PROPOSALS]}
    for row in made[PROPOSALS]:
        assert (row["status"] in ("adopted", "rejected")) == (row["decided_on"] is not None)
        assert (row["status"] == "adopted") == (row["program_budget_id"] is not None)
    for row in made[WORK]:
        assert (row["status"] == "open") == (row["closed_on"] is None)
        assert (row["budget_proposal_id"] is None) != (row["program_budget_id"] is None)
    assert {"done", "cancelled"} <= {row["status"] for row in made[WORK]}


def test_what_is_submitted_was_justified(made: dict[str, Rows]) -> None:
    justified = {row["budget_proposal_id"] for row in made[JUSTIFICATIONS]}
    assert {row["id"] for row in made[PROPOSALS] if row["status"] != "draft"} <= justified


def test_next_year_s_are_under_way_in_december() -> None:
    found = [row for row in tables(date(2025, 12, 31))[PROPOSALS] if row["fiscal_year"] == 2026]
    # Of each organization two wait for the first of January and one was turned down.
    assert Counter(row["status"] for row in found) == {"submitted": 12, "rejected": 6}


def test_there_are_few(made: dict[str, Rows]) -> None:
    assert sum(len(made[table]) for table in (PROPOSALS, JUSTIFICATIONS, WORK)) < 400


@pytest.mark.parametrize("earlier", [START, date(2025, 1, 1), date(2025, 11, 20), date(2026, 6, 15)])
def test_living_on_keeps_every_row(made: dict[str, Rows], earlier: date) -> None:
    """A row goes on through its states; what it was made with stays."""
    then = tables(earlier)
    for table in (PROPOSALS, JUSTIFICATIONS, WORK):
        now = {row["id"]: row for row in made[table]}
        for row in then[table]:
            for column in row.keys() - {"status", "decided_on", "program_budget_id", "closed_on", "assigned_to"}:
                if column != "updated_at":
                    assert now[row["id"]][column] == row[column], column
