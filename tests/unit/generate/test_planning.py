"""The demo company's plans: the same from whichever day they are seen, signed as the ledger is, corrected by hand."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tieout.generate.moments import day_number, end_of
from tieout.generate.organizations import organizations
from tieout.generate.plan import Plan
from tieout.generate.planning import planning
from tieout.generate.world import CHART, ORGANIZATIONS

START, END = date(2025, 6, 12), date(2026, 12, 5)
PLAN = Plan.of(20_000, 7, START, END)
OWN = organizations(PLAN)
CODES = {account: CHART[position % len(CHART)] for position, account in enumerate(OWN.account_id.to_pylist())}


def seen(on: date) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Delivered lines and entries as they are at the end of a day."""
    until = end_of(day_number(on))
    files, entries = planning(PLAN, OWN, until)
    return tuple(rows.as_of(rows.present(until), until).to_pylist() for rows in (files, entries))


@pytest.mark.parametrize("on", [START, date(2025, 12, 31), date(2026, 11, 30)])
def test_what_was_planned_by_a_day_stays_planned(on: date) -> None:
    for before, after in zip(seen(on), seen(END), strict=True):
        assert all(row in after for row in before)


def test_budgets_come_before_their_year_and_forecasts_with_their_quarter() -> None:
    files, _ = seen(END)
    months = defaultdict(set)
    for line in files:
        months[line["scenario"]].add(line["budget_month"])
    assert (min(months["Budget"]), max(months["Budget"])) == (date(2025, 6, 1), date(2027, 12, 1))
    assert (min(months["Forecast"]), max(months["Forecast"])) == (date(2025, 6, 1), date(2026, 12, 1))
    keys = [(line["account_id"], line["budget_month"], line["scenario"]) for line in files]
    assert len(keys) == len(set(keys)) == (31 + 19) * 7 * len(ORGANIZATIONS)


def test_revenue_is_planned_as_credit_and_expense_as_debit() -> None:
    files, _ = seen(END)
    for line in files:
        account = CODES[line["account_id"]]
        assert (line["amount_signed"] < 0) == (account.type == "revenue"), account
        assert line["amount_signed"] and line["amount_signed"] % 100 == 0


def test_each_entry_has_its_correction() -> None:
    _, entries = seen(END)
    made: dict[tuple, list[tuple[Any, Decimal]]] = defaultdict(list)
    for entry in entries:
        made[entry["account_id"], entry["budget_month"]].append((entry["created_at"], entry["amount"]))
    whole = [sorted(pair) for pair in made.values() if len(pair) == 2]
    assert len(whole) >= 17
    for (account, _), pair in made.items():
        if len(pair) == 2:
            (_, wrong), (_, right) = sorted(pair)
            assert wrong == -right
            assert (right < 0) == (CODES[account].type == "revenue")
