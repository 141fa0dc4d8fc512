"""What the company plans: a budget a year and a forecast a quarter as files, and what controllers enter by hand.

A plan is what the volumes and amounts of plan.py and world.py give in a usual month, some per cent off. Of each month a
controller enters one budget anew, and corrects the entry some days later: of an account, month and scenario the newest
entry counts.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tieout.generate.columns import choice, days, money
from tieout.generate.draws import Draws
from tieout.generate.ids import uuids
from tieout.generate.moments import DAY, HOUR, first_day, in_hours, month_of, next_working_day
from tieout.generate.organizations import Organizations
from tieout.generate.plan import Plan
from tieout.generate.rows import Rows
from tieout.generate.world import AMOUNTS, CODES, CURRENCIES, DIGITS, ORGANIZATIONS, REVENUE, SPENDING

_BUDGET, _FORECAST = range(2)
_SCENARIOS = ["Budget", "Forecast"]
_CODES = (*REVENUE, *SPENDING)
_WHO = ["a.keller", "m.okafor", "controlling"]
_CENTS = 2


def planning(plan: Plan, organizations: Organizations, until: int) -> list[Rows]:
    """The planning team's files and the entries of the app, from the company's start to ``until``."""
    last = month_of((until - 1) // DAY)
    return [_files(plan, organizations, last), _entries(plan, organizations, last)]


def _files(plan: Plan, organizations: Organizations, last_month: int) -> Rows:
    """A year's budget comes on the first of December before it, a quarter's forecast on the quarter's first day."""
    start = month_of(plan.start)
    found = []
    for month in range(start, last_month // 12 * 12 + 24):
        # What was planned before the company's start comes with its first files.
        budget_on = max(first_day(month // 12 * 12 - 1), plan.start)
        forecast_on = max(first_day(month // 3 * 3), plan.start)
        found += [(month, _BUDGET, budget_on), (month, _FORECAST, forecast_on)]
    months, scenarios, on = np.array(found, np.int64).T
    org, code, cell = _cells(len(found))
    month, scenario = months[cell], scenarios[cell]
    amount = _planned(plan, org, code, month, scenario)

    def build(at: np.ndarray, _: int) -> dict[str, pa.Array]:
        return {
            "account_id": choice(organizations.account_id, _accounts(organizations, org[at], code[at])),
            "budget_month": days(_first_days(month[at])),
            "amount_signed": money(amount[at], DIGITS[_base(org[at])]),
            "scenario": choice(_SCENARIOS, scenario[at]),
        }

    return Rows("planning/budgets", build, on[cell] * DAY + 7 * HOUR, stamped=False)


def _entries(plan: Plan, organizations: Organizations, last_month: int) -> Rows:
    """Two a month: a budget of the month after it, entered wrong at first and corrected three to five days later."""
    months = np.arange(month_of(plan.start), last_month + 1, dtype=np.int64)
    draws = Draws(plan.seed, months)
    org = months % len(ORGANIZATIONS)
    code = draws.below("planning/account", len(_CODES))
    before = _planned(plan, org, code, months + 1, np.full(len(months), _BUDGET))
    right = _whole_hundreds(before * draws.between("planning/changed", 80, 120) // 100, org)
    entered_on = next_working_day(_first_days(months) + 4)
    corrected_on = next_working_day(entered_on + draws.between("planning/corrected", 3, 5))
    # The usual slip: the sign.
    amount = np.concatenate([-right, right])
    on = np.concatenate([entered_on, corrected_on])
    org, code, month = np.tile(org, 2), np.tile(code, 2), np.tile(months + 1, 2)
    both = Draws(plan.seed, np.concatenate([months * 2, months * 2 + 1]))
    created = in_hours(on, both, "planning/entered")
    who = both.below("planning/who", len(_WHO))
    # A month that the company did not live from its beginning had its entries before there was anyone to make them.
    lived = np.flatnonzero(on >= plan.start)

    def build(at: np.ndarray, _: int) -> dict[str, pa.Array]:
        at = lived[at]
        return {
            "entry_id": uuids(both.at(at), "planning/entry", created[at]),
            "org_id": choice(organizations.id, org[at]),
            "account_id": choice(organizations.account_id, _accounts(organizations, org[at], code[at])),
            "budget_month": days(_first_days(month[at])),
            "scenario": choice(_SCENARIOS, np.full(len(at), _BUDGET)),
            "currency": choice(CODES, _base(org[at])),
            # The table keeps two digits: what a person types.
            "amount": money(amount[at], DIGITS[_base(org[at])]).cast(pa.decimal128(18, _CENTS)),
            "who": choice(_WHO, who[at]),
        }

    return Rows("input_budget", build, created[lived])


def _cells(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every organization and account for each of ``count`` things: their positions, and that of the thing."""
    thing, org, code = np.indices((count, len(ORGANIZATIONS), len(_CODES)), np.int64).reshape(3, -1)
    return org, code, thing


def _planned(plan: Plan, org: np.ndarray, code: np.ndarray, month: np.ndarray, scenario: np.ndarray) -> np.ndarray:
    """int64[n]: a month's plan in minor units of the organization's currency, debit positive."""
    revenue = code < len(REVENUE)
    volume = np.where(revenue, plan.invoices // len(REVENUE), plan.bills // len(SPENDING))
    share = np.array([o.share for o in ORGANIZATIONS], np.int64)[org]
    # A volume is of 1,000 days, a month has thirty.
    cents = volume * 30 * share // 100 * _usual_amount() // 1000
    serial = ((month * len(_SCENARIOS) + scenario) * len(ORGANIZATIONS) + org) * len(_CODES) + code
    off = Draws(plan.seed, serial).between("planning/off", 85, 115)
    fraction = np.array([c.minor_per_cent for c in CURRENCIES], np.int64)[_base(org)]
    minor = _whole_hundreds(cents * off // 100 * fraction[:, 0] // fraction[:, 1], org)
    return np.where(revenue, -minor, minor)


def _usual_amount() -> int:
    """The mean of a document's amount in US cents."""
    weights = sum(weight for *_, weight in AMOUNTS)
    return sum((low + high) // 2 * weight for low, high, weight in AMOUNTS) // weights


def _whole_hundreds(minor: np.ndarray, org: np.ndarray) -> np.ndarray:
    """Rounded down to hundreds of the organization's currency, as people plan."""
    unit = 100 * 10 ** DIGITS[_base(org)]
    return minor // unit * unit


def _accounts(organizations: Organizations, org: np.ndarray, code: np.ndarray) -> np.ndarray:
    out = np.empty(len(org), np.int64)
    for position, name in enumerate(_CODES):
        at = np.flatnonzero(code == position)
        out[at] = organizations.accounts(org[at], name)
    return out


def _base(org: np.ndarray) -> np.ndarray:
    return np.array([o.base for o in ORGANIZATIONS], np.int64)[org]


def _first_days(month: np.ndarray) -> np.ndarray:
    return np.array([first_day(int(m)) for m in month], np.int64)
