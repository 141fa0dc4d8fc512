"""Generated budgets keep every limit on every day, and have each kind of entry; no database needed."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tieout.generate.budgets import budget_rows
from tieout.generate.moments import DAY, day_number, end_of
from tieout.generate.organizations import organizations
from tieout.generate.plan import Plan

START, END = date(2024, 11, 1), date(2026, 10, 31)
PARENT = {
    "budget_line_items": None,
    "allotments": "budget_line_item_id",
    "obligations": "allotment_id",
    "disbursements": "obligation_id",
}


@pytest.fixture(scope="module")
def entries() -> dict[str, list[dict[str, Any]]]:
    """All rows by table, of the whole of the last year too."""
    plan = Plan.of("demo", 1, START, END)
    until = end_of(day_number(END))
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for rows in budget_rows(plan, organizations(plan), until):
        found[rows.table] += rows.as_of(rows.present(until + 400 * DAY), until + 400 * DAY).to_pylist()
    return found


def test_every_limit_holds_at_the_end_of_every_day(entries: dict[str, list[dict[str, Any]]]) -> None:
    by_day: dict[date, list[tuple[str | None, Any, Decimal]]] = defaultdict(list)
    for table, parent in PARENT.items():
        for row in entries[table]:
            by_day[row["created_at"].date()].append(
                (row[parent] if parent else None, row["adjusts_id"] or row["id"], row["amount"])
            )
    standing: dict[Any, Decimal] = defaultdict(Decimal)
    used: dict[Any, Decimal] = defaultdict(Decimal)
    for day in sorted(by_day):
        for above, entry, amount in by_day[day]:
            standing[entry] += amount
            if above is not None:
                used[above] += amount
        assert all(0 <= used[entry] <= standing[entry] for entry in list(standing)), day


def test_entries_are_written_on_the_day_they_count_from(entries: dict[str, list[dict[str, Any]]]) -> None:
    for table in PARENT:
        assert all(row["created_at"].date() == row["entry_date"] for row in entries[table])


def test_no_entry_precedes_what_it_builds_on(entries: dict[str, list[dict[str, Any]]]) -> None:
    dated = {row["id"]: row["entry_date"] for table in PARENT for row in entries[table]}
    for table, parent in PARENT.items():
        for row in entries[table]:
            for above in (row["adjusts_id"], row[parent] if parent else None):
                assert above is None or dated[above] <= row["entry_date"]


def test_references_are_unique(entries: dict[str, list[dict[str, Any]]]) -> None:
    for table in ("allotments", "obligations", "disbursements"):
        pairs = [(row["org_id"], row["reference"]) for row in entries[table]]
        assert len(set(pairs)) == len(pairs)
    lines = [(row["program_budget_id"], row["line_number"]) for row in entries["budget_line_items"]]
    assert len(set(lines)) == len(lines)


def test_there_are_few_of_each_kind(entries: dict[str, list[dict[str, Any]]]) -> None:
    assert sum(map(len, entries.values())) < 1_000
    for table in PARENT:
        assert {row["amount"] > 0 for row in entries[table]} == {True, False}, table
