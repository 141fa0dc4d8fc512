"""Budgets of the organizations: a program a fiscal year, its lines, and how they are released, committed and paid.

Few rows at any scale. What is taken from an entry is drawn as a share of it, and what is taken back as a share of what
is left, so that every limit holds on every day of the way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tieout.generate.columns import choice, days, money, same
from tieout.generate.draws import Draws
from tieout.generate.ids import numbered, uuids
from tieout.generate.moments import DAY, HOUR, first_day, in_hours, next_working_day, to_date
from tieout.generate.organizations import Organizations
from tieout.generate.plan import Plan
from tieout.generate.rows import Rows
from tieout.generate.world import ACCOUNT, CODES, CURRENCIES, DIGITS, ORGANIZATIONS

# Code, name, and the accounts that its lines are spent on.
PROGRAMS = (("IT", "Information systems", ("6300", "6400")), ("TR", "Travel and events", ("6200",)))
_LINES = tuple((program, account) for program, (_, _, accounts) in enumerate(PROGRAMS) for account in accounts)
_QUARTERS = 4


@dataclass(frozen=True)
class _Entries:
    """Entries of one table, one position each. org: position in ORGANIZATIONS. amount: minor units.

    serial: unique in the table. created: moment. day: what entry_date says.
    """

    stream: str
    serial: np.ndarray
    org: np.ndarray
    day: np.ndarray
    created: np.ndarray
    amount: np.ndarray
    id: pa.StringArray

    @classmethod
    def of(
        cls, plan: Plan, stream: str, serial: np.ndarray, org: np.ndarray, day: np.ndarray, amount: np.ndarray
    ) -> _Entries:
        draws = Draws(plan.seed, serial)
        created = in_hours(day, draws, f"{stream}/created")
        return cls(stream, serial, org, day, created, amount, uuids(draws, stream, created))

    def rows(
        self, table: str, organizations: Organizations, columns: dict[str, pa.Array], adjusted: pa.Array | None = None
    ) -> Rows:
        """``columns``: those that only this table has; ``adjusted``: the ids of what these entries take back."""
        currency = np.array([o.base for o in ORGANIZATIONS], np.int64)[self.org]

        def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
            return {
                "id": choice(self.id, at),
                "org_id": choice(organizations.id, self.org[at]),
                **{name: column.take(pa.array(at)) for name, column in columns.items()},
                "adjusts_id": same(None, len(at)) if adjusted is None else adjusted.take(pa.array(at)),
                "currency": choice(CODES, currency[at]),
                "amount": money(self.amount[at], DIGITS[currency[at]]),
                "entry_date": days(self.day[at]),
            }

        return Rows(table, build, self.created)


def budget_rows(plan: Plan, organizations: Organizations, until: int) -> list[Rows]:
    """The budgets of every year from the company's start to the one that holds ``until``, parents first."""
    years = range(to_date(plan.start).year, to_date((until - 1) // DAY).year + 1)
    return [rows for year in years for rows in _year(plan, organizations, year)]


@dataclass(frozen=True)
class Lines:
    """The lines of a year's budgets as adopted, one position each.

    org, program, line: positions in ORGANIZATIONS, PROGRAMS and _LINES. serial: unique over all years.
    amount: minor units of the organization's currency.
    """

    org: np.ndarray
    program: np.ndarray
    line: np.ndarray
    serial: np.ndarray
    amount: np.ndarray


def lines_of(plan: Plan, year: int) -> Lines:
    org, line = (grid.ravel() for grid in np.indices((len(ORGANIZATIONS), len(_LINES))))
    serial = (year * len(ORGANIZATIONS) + org) * len(_LINES) + line
    program = np.array([program for program, _ in _LINES], np.int64)[line]
    # Forty to four hundred thousand dollars' worth, in whole hundreds.
    fraction = np.array([CURRENCIES[o.base].minor_per_cent for o in ORGANIZATIONS], np.int64)[org]
    cents = Draws(plan.seed, serial).between("budget/line", 400, 4_000) * 10_000
    return Lines(org, program, line, serial, cents * fraction[:, 0] // fraction[:, 1])


def adoption_day(plan: Plan, year: int) -> int:
    """The first of the year, or the company's first day."""
    return max(first_day(year * 12), plan.start)


def _year(plan: Plan, organizations: Organizations, year: int) -> list[Rows]:
    starts = np.array([first_day(year * 12 + 3 * quarter) for quarter in range(_QUARTERS)], np.int64)
    ends = np.array([*starts[1:], first_day((year + 1) * 12)], np.int64)
    adopted = adoption_day(plan, year)
    programs, program_ids = program_budgets(plan, organizations, year)

    adopted_lines = lines_of(plan, year)
    org, line = adopted_lines.org, adopted_lines.line
    serial, worth = adopted_lines.serial, adopted_lines.amount
    draws = Draws(plan.seed, serial)
    lines = _Entries.of(plan, "budget_line", serial, org, np.full(len(org), adopted), worth)
    place = {
        "program_budget_id": program_ids.take(pa.array(org * len(PROGRAMS) + adopted_lines.program)),
        "account_id": choice(
            organizations.account_id,
            organizations.account[org, np.array([ACCOUNT[account] for _, account in _LINES], np.int64)[line]],
        ),
    }
    numbers = numbered("L", (line + 1, 2))
    # A supplement or a cut of a tenth in the middle of the year; the quarters take at most nine tenths of the line.
    amended = np.flatnonzero(draws.chance("budget/amended", 3_000) & (starts[2] > adopted))
    up = draws.chance("budget/raised", 6_000)[amended]
    amendments = _Entries.of(
        plan,
        "budget_amendment",
        serial[amended],
        org[amended],
        next_working_day(starts[2] + draws.below("budget/amended_day", 20)[amended]),
        worth[amended] // 10 * np.where(up, 1, -1),
    )
    found = [
        programs,
        lines.rows(
            "budget_line_items",
            organizations,
            {**place, "line_number": numbers, "description": same("as adopted", len(org))},
        ),
        amendments.rows(
            "budget_line_items",
            organizations,
            {
                **{name: column.take(pa.array(amended)) for name, column in place.items()},
                "line_number": numbered("L", (line[amended] + 1, 2), (np.ones(len(amended), np.int64), 1)),
                "description": choice(["cut at mid-year", "supplement at mid-year"], up.astype(np.int64)),
            },
            lines.id.take(pa.array(amended)),
        ),
    ]
    for quarter in range(_QUARTERS):
        # A quarter that ended before the budget was adopted releases nothing.
        if ends[quarter] > adopted:
            span = (max(int(starts[quarter]), adopted), int(ends[quarter]))
            found += _quarter(plan, organizations, lines, quarter, span)
    return found


def program_budgets(plan: Plan, organizations: Organizations, year: int) -> tuple[Rows, pa.StringArray]:
    """A year's budgets, and their ids by organization and program."""
    adopted = adoption_day(plan, year)
    org, program = (grid.ravel() for grid in np.indices((len(ORGANIZATIONS), len(PROGRAMS))))
    serial = (year * len(ORGANIZATIONS) + org) * len(PROGRAMS) + program
    # Before the first working hour, so that a line never precedes its program.
    created = np.full(len(org), adopted * DAY + 5 * HOUR)
    ids = uuids(Draws(plan.seed, serial), "program_budget", created)
    base = np.array([o.base for o in ORGANIZATIONS], np.int64)

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        return {
            "id": choice(ids, at),
            "org_id": choice(organizations.id, org[at]),
            "program_code": choice([code for code, _, _ in PROGRAMS], program[at]),
            "name": choice([name for _, name, _ in PROGRAMS], program[at]),
            "fiscal_year": pa.array(np.full(len(at), year, np.int32)),
            "currency": choice(CODES, base[org[at]]),
            "adopted_on": days(np.full(len(at), adopted)),
        }

    return Rows("program_budgets", build, created), ids


def _quarter(
    plan: Plan, organizations: Organizations, lines: _Entries, quarter: int, span: tuple[int, int]
) -> list[Rows]:
    """A quarter of every line: released in its first days, committed once, paid in two parts, some of it taken back."""
    first, end = span
    serial = lines.serial * _QUARTERS + quarter
    draws = Draws(plan.seed, serial)
    org = lines.org
    length = end - first

    def entries(stream: str, at: np.ndarray, day: np.ndarray, amount: np.ndarray) -> _Entries:
        return _Entries.of(plan, stream, serial[at], org[at], next_working_day(day)[at], amount[at])

    def numbers(prefix: str, at: np.ndarray) -> pa.Array:
        return numbered(prefix, (serial[at], 9))

    every = np.arange(len(org))
    # Shares of a thousand. The days of each step lie behind those of the one before.
    released = lines.amount * draws.between("budget/released", 180, 225) // 1_000
    committed = released * draws.between("budget/committed", 500, 1_000) // 1_000
    paid_first = committed * draws.between("budget/paid_first", 200, 600) // 1_000
    paid_rest = (committed - paid_first) * draws.between("budget/paid_rest", 500, 1_000) // 1_000
    release_day = first + draws.below("budget/release_day", 3)
    commit_day = release_day + 3 + draws.below("budget/commit_day", max(1, length // 4))
    first_day_paid = commit_day + 3 + draws.below("budget/first_day", 20)
    rest_day_paid = first_day_paid + 3 + draws.below("budget/rest_day", 30)
    close_day = rest_day_paid + 3 + draws.below("budget/close_day", 20)

    allotments = entries("allotment", every, release_day, released)
    obligations = entries("obligation", every, commit_day, committed)
    payments = [
        entries("disbursement/first", every, first_day_paid, paid_first),
        entries("disbursement/rest", every, rest_day_paid, paid_rest),
    ]
    # What came back of the second payment, what is not needed of the commitment, what is left of the release.
    bounced = np.flatnonzero(draws.chance("budget/bounced", 800))
    closed = np.flatnonzero(draws.chance("budget/closed", 2_000) & (committed > paid_first + paid_rest))
    withdrawn = np.flatnonzero(draws.chance("budget/withdrawn", 2_000) & (released > committed))
    back = entries("disbursement/back", bounced, close_day, -paid_rest)
    freed = entries("obligation/back", closed, close_day, paid_first + paid_rest - committed)
    taken = entries("allotment/back", withdrawn, close_day, committed - released)

    def of(column: pa.Array, at: np.ndarray) -> pa.Array:
        return column.take(pa.array(at))

    def of_quarter(at: np.ndarray, reference: str) -> dict[str, pa.Array]:
        return {
            "budget_line_item_id": of(lines.id, at),
            "quarter": pa.array(np.full(len(at), quarter + 1, np.int32)),
            "reference": numbers(reference, at),
        }

    def of_allotment(at: np.ndarray, reference: str, description: str) -> dict[str, pa.Array]:
        return {
            "allotment_id": of(allotments.id, at),
            "reference": numbers(reference, at),
            "description": same(description, len(at)),
        }

    def of_obligation(at: np.ndarray, reference: str) -> dict[str, pa.Array]:
        return {"obligation_id": of(obligations.id, at), "reference": numbers(reference, at)}

    return [
        allotments.rows("allotments", organizations, of_quarter(every, "AL")),
        taken.rows("allotments", organizations, of_quarter(withdrawn, "AL-R"), of(allotments.id, withdrawn)),
        obligations.rows("obligations", organizations, of_allotment(every, "PO", "order")),
        freed.rows(
            "obligations", organizations, of_allotment(closed, "PO-R", "order closed"), of(obligations.id, closed)
        ),
        payments[0].rows("disbursements", organizations, of_obligation(every, "DV-1")),
        payments[1].rows("disbursements", organizations, of_obligation(every, "DV-2")),
        back.rows("disbursements", organizations, of_obligation(bounced, "DV-2-R"), of(payments[1].id, bounced)),
    ]
