"""Generated transfers between currencies: two legs of one group near the spot rate, and a ledger that balances."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tieout.generate.exchanges import exchanges
from tieout.generate.fx import spot
from tieout.generate.moments import day_number, end_of, month_of
from tieout.generate.organizations import organizations
from tieout.generate.plan import Plan
from tieout.generate.world import CODES, ORGANIZATIONS

START, END = date(2025, 6, 12), date(2026, 3, 31)
PLAN = Plan.of(40_000, 7, START, END)
OWN = organizations(PLAN)


def rows(until: date, since: date = START) -> dict[str, list[dict[str, Any]]]:
    moment = end_of(day_number(until))
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for made in exchanges(PLAN, OWN, month_of(day_number(since)), moment):
        found[made.table] += made.as_of(made.present(moment), moment).to_pylist()
    return found


@pytest.fixture(scope="module")
def groups() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(what was given, what was taken) of each transfer."""
    legs = defaultdict(list)
    for row in rows(END)["bank_transactions"]:
        legs[row["transfer_group_id"]].append(row)
    return [tuple(sorted(pair, key=lambda leg: leg["amount"])) for pair in legs.values()]


def test_a_transfer_is_one_leg_out_and_one_in_of_two_currencies(groups: list[tuple[dict, dict]]) -> None:
    assert len(groups) > len(ORGANIZATIONS) * 8
    for given, taken in groups:
        assert given["amount"] < 0 < taken["amount"]
        assert given["currency"] != taken["currency"] and given["bank_account_id"] != taken["bank_account_id"]
        assert (given["org_id"], given["booked_on"]) == (taken["org_id"], taken["booked_on"])
        assert given["booked_on"].weekday() < 5


def test_the_bank_keeps_up_to_six_per_mille_of_the_spot_rate(groups: list[tuple[dict, dict]]) -> None:
    for given, taken in groups:
        source, target = (np.array([CODES.index(leg["currency"])]) for leg in (given, taken))
        day = np.array([day_number(given["booked_on"])])
        fair = Decimal(int(spot(PLAN.seed, source, target, day)[0])).scaleb(-10)
        got = taken["amount"] / -given["amount"]
        # A minor unit of rounding on five thousand dollars' worth at least.
        assert fair * Decimal("0.994") - fair / 10_000 < got < fair * Decimal("0.999") + fair / 10_000


def test_the_ledger_balances_per_currency_and_moves_cash_as_the_bank_does(groups: list[tuple[dict, dict]]) -> None:
    found = rows(END)
    cash = {OWN.account_id[int(at)].as_py() for at in OWN.accounts(np.arange(len(ORGANIZATIONS)), "1000")}
    journals: Counter[tuple] = Counter()
    moved: Counter[tuple] = Counter()
    for line in found["gl_entries"]:
        journals[line["journal_id"], line["currency"]] += line["amount"]
        if line["account_id"] in cash:
            moved[line["document_id"], line["currency"]] += line["amount"]
    assert set(journals.values()) == {Decimal(0)}
    assert len({journal for journal, _ in journals}) == len(journals) == 2 * len(groups)
    assert moved == {(leg["transfer_group_id"], leg["currency"]): leg["amount"] for pair in groups for leg in pair}


@pytest.mark.parametrize("earlier", [START, date(2025, 7, 1), date(2025, 12, 24)])
def test_living_on_only_adds(earlier: date) -> None:
    now = rows(END, since=earlier)
    for table, then in rows(earlier, since=earlier).items():
        assert not Counter(map(str, then)) - Counter(map(str, now[table])), table
