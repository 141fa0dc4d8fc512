"""How the organizations' budgets came about: what programs asked for, why, and what people had to do about it.

Every budget of budgets.py was a proposal before, made in the autumn, at least as large as what was adopted; a fleet is
proposed every year as well, and rejected. So next year's are under way when a year ends. Few rows at any scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from tieout.generate.access import controller, treasurer
from tieout.generate.budgets import PROGRAMS, adoption_day, lines_of, program_budgets
from tieout.generate.columns import choice, days, money, same
from tieout.generate.draws import Draws
from tieout.generate.ids import uuids
from tieout.generate.moments import DAY, HOUR, day_number, in_hours, to_date
from tieout.generate.organizations import Organizations, in_currency
from tieout.generate.plan import Plan
from tieout.generate.rows import Rows
from tieout.generate.world import CODES, DIGITS, ORGANIZATIONS

PROPOSALS, JUSTIFICATIONS, WORK = (
    "budgeting.budget_proposals",
    "budgeting.budget_justifications",
    "budgeting.work_items",
)
# The one that is rejected stands behind those that are adopted.
_ASKED = (*((code, name) for code, name, _ in PROGRAMS), ("FL", "Fleet renewal"))
_REJECTED = len(PROGRAMS)
_REASONS = (
    "Prices of last year's contracts rise by five per cent.",
    "Two contracts run out and are tendered anew.",
    "Staff grows by a tenth, and so does what it needs.",
    "What was put off last year cannot wait another.",
)


@dataclass(frozen=True)
class _Proposals:
    """A year's proposals, one position each. program: position in _ASKED. Moments: created to decided."""

    draws: Draws
    org: np.ndarray
    program: np.ndarray
    created: np.ndarray
    submitted: np.ndarray
    decided: np.ndarray
    id: pa.StringArray


def proposal_rows(plan: Plan, organizations: Organizations, until: int) -> list[Rows]:
    """Proposals of every year from the company's start to the one after ``until``, and all that is about them."""
    years = range(to_date(plan.start).year, to_date((until - 1) // DAY).year + 2)
    found = [rows for year in years for rows in _year(plan, organizations, year)]
    # Parents first.
    return sorted(found, key=lambda rows: (PROPOSALS, JUSTIFICATIONS, WORK).index(rows.table))


def _year(plan: Plan, organizations: Organizations, year: int) -> list[Rows]:
    made = _made(plan, year)
    _, budget = program_budgets(plan, organizations, year)
    base = np.array([o.base for o in ORGANIZATIONS], np.int64)[made.org]
    amount = _asked(plan, year, made, base)
    adopted = made.program != _REJECTED
    who = [controller(plan.seed, org) for org in range(len(ORGANIZATIONS))]

    def proposals(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        decided, submitted = made.decided[at] < until, made.submitted[at] < until
        status = np.where(decided, np.where(adopted[at], 2, 3), submitted.astype(np.int64))
        known = decided & adopted[at]
        return {
            "id": choice(made.id, at),
            "org_id": choice(organizations.id, made.org[at]),
            "program_code": choice([code for code, _ in _ASKED], made.program[at]),
            "name": choice([name for _, name in _ASKED], made.program[at]),
            "fiscal_year": pa.array(np.full(len(at), year, np.int32)),
            "currency": choice(CODES, base[at]),
            "amount": money(amount[at], DIGITS[base[at]]),
            "status": choice(["draft", "submitted", "adopted", "rejected"], status),
            "proposed_by": choice(who, made.org[at]),
            "decided_on": days(made.decided[at] // DAY, decided),
            "program_budget_id": choice(
                budget, np.where(known, made.org[at] * len(PROGRAMS) + made.program[at], 0), known
            ),
        }

    return [
        Rows(PROPOSALS, proposals, made.created, changes=(made.submitted, made.decided)),
        _justifications(plan, organizations, made),
        _reviews(plan, organizations, made),
        *_half_years(plan, organizations, year, budget),
    ]


def _made(plan: Plan, year: int) -> _Proposals:
    org, program = (grid.ravel() for grid in np.indices((len(ORGANIZATIONS), len(_ASKED))))
    draws = Draws(plan.seed, (year * len(ORGANIZATIONS) + org) * len(_ASKED) + program)
    adopted = adoption_day(plan, year)

    def after(day: int, stream: str, hour: int) -> np.ndarray:
        """A moment in the three weeks from ``day``, or that hour of the company's first day if it is later."""
        moment = in_hours(day + draws.below(stream, 21), draws, f"{stream}_at")
        return np.maximum(moment, plan.start * DAY + hour * HOUR)

    created = after(adopted - 90, "proposal/created", 2)
    submitted = after(adopted - 65, "proposal/submitted", 3)
    rejected = after(adopted - 40, "proposal/rejected", 5)
    # The moment of its program's budget, see budgets.py.
    decided = np.where(program == _REJECTED, rejected, adopted * DAY + 5 * HOUR)
    return _Proposals(draws, org, program, created, submitted, decided, uuids(draws, "proposal", created))


def _asked(plan: Plan, year: int, made: _Proposals, base: np.ndarray) -> np.ndarray:
    """Minor units: what is adopted and up to a quarter more; of what is rejected a hundred thousand dollars' worth."""
    lines = lines_of(plan, year)
    adopted = np.zeros((len(ORGANIZATIONS), len(_ASKED)), np.int64)
    np.add.at(adopted, (lines.org, lines.program), lines.amount)
    more = made.draws.between("proposal/more", 100, 125)
    fleet = in_currency(np.full(len(base), 10_000_000, np.int64), base)
    return np.where(made.program == _REJECTED, fleet, adopted[made.org, made.program]) * more // 100


def _justifications(plan: Plan, organizations: Organizations, made: _Proposals) -> Rows:
    """One for each, and a second one for half of them, before it is submitted."""
    second = np.flatnonzero(made.draws.chance("justification/second", 5_000))
    of = np.concatenate([np.arange(len(made.org)), second])
    part = np.concatenate([np.full(len(made.org), 1), np.full(len(second), 2)])
    created = made.created[of] + (made.submitted - made.created)[of] * part // 3
    draws = Draws(plan.seed, made.draws.serial[of] * 4 + part)
    reason = (made.draws.below("justification/reason", len(_REASONS))[of] + part) % len(_REASONS)
    ids = uuids(draws, "justification", created)
    who = [controller(plan.seed, org) for org in range(len(ORGANIZATIONS))]

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        org = made.org[of[at]]
        return {
            "id": choice(ids, at),
            "org_id": choice(organizations.id, org),
            "budget_proposal_id": choice(made.id, of[at]),
            "justification": choice(list(_REASONS), reason[at]),
            "written_by": choice(who, org),
        }

    return Rows(JUSTIFICATIONS, build, created)


def _reviews(plan: Plan, organizations: Organizations, made: _Proposals) -> Rows:
    """Each submitted proposal is reviewed until it is decided."""
    count = len(made.org)
    return _Work(
        "Review the proposal",
        uuids(made.draws, "work/review", made.submitted),
        made.org,
        made.id,
        pa.nulls(count, pa.string()),
        made.submitted,
        made.submitted // DAY + 21,
        made.decided,
        np.zeros(count, bool),
    ).rows(plan, organizations)


def _half_years(plan: Plan, organizations: Organizations, year: int, budget: pa.StringArray) -> list[Rows]:
    """A budget that stands in June is gone through then; one such review in four is cancelled."""
    june = day_number(date(year, 6, 1))
    if june <= adoption_day(plan, year):
        return []
    org, program = (grid.ravel() for grid in np.indices((len(ORGANIZATIONS), len(PROGRAMS))))
    draws = Draws(plan.seed, (year * len(ORGANIZATIONS) + org) * len(PROGRAMS) + program)
    opened = in_hours(np.full(len(org), june), draws, "work/half_year_at")
    work = _Work(
        "Go through the first half of the year",
        uuids(draws, "work/half_year", opened),
        org,
        pa.nulls(len(org), pa.string()),
        budget,
        opened,
        np.full(len(org), june + 29),
        in_hours(june + draws.between("work/half_year_closed", 10, 50), draws, "work/half_year_closed_at"),
        draws.chance("work/cancelled", 2_500),
    )
    return [work.rows(plan, organizations)]


@dataclass(frozen=True)
class _Work:
    """Work items of one title, one position each. proposal, budget: ids of what they are about, NULL in one of them.

    opened, closed: moments; each is assigned half-way between. due: day.
    """

    title: str
    id: pa.StringArray
    org: np.ndarray
    proposal: pa.Array
    budget: pa.Array
    opened: np.ndarray
    due: np.ndarray
    closed: np.ndarray
    cancelled: np.ndarray

    def rows(self, plan: Plan, organizations: Organizations) -> Rows:
        assigned = self.opened + (self.closed - self.opened) // 2
        who = [treasurer(plan.seed, org) for org in range(len(ORGANIZATIONS))]

        def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
            closed = self.closed[at] < until
            status = np.where(closed, np.where(self.cancelled[at], 2, 1), 0)
            return {
                "id": choice(self.id, at),
                "org_id": choice(organizations.id, self.org[at]),
                "budget_proposal_id": choice(self.proposal, at),
                "program_budget_id": choice(self.budget, at),
                "title": same(self.title, len(at)),
                "status": choice(["open", "done", "cancelled"], status),
                "assigned_to": choice(who, self.org[at], assigned[at] < until),
                "due_on": days(self.due[at]),
                "closed_on": days(self.closed[at] // DAY, closed),
            }

        return Rows(WORK, build, self.opened, changes=(assigned, self.closed))
