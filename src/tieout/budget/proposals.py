"""How a budget comes about: a program proposes, justifies and submits; someone adopts it in lines, or rejects it.

A proposal is a draft, then submitted, then adopted or rejected, and stays what it became. Whoever decides locks the
proposal first, so that of two decisions at once one stands and the other is told of it. Deliberately absent: taking a
decision back. An adopted budget is amended by its lines; what was rejected is proposed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from tieout.budget.calls import acting, check_amount, check_day, check_text
from tieout.budget.errors import InvalidEntry, NoSuchEntry, ProgramHasBudget, ProposalExceeded, WrongState


@dataclass(frozen=True)
class Proposal:
    """What a program asks for. amount: Decimal above zero in ``currency``, for the whole fiscal year."""

    org: UUID
    program_code: str
    name: str
    fiscal_year: int
    currency: str
    amount: Decimal


@dataclass(frozen=True)
class Line:
    """A line of the budget that a proposal becomes. account: of the organization's chart. amount: above zero."""

    number: str
    account: UUID
    amount: Decimal
    description: str | None = None


@dataclass(frozen=True)
class Adopted:
    """The budget that a proposal became. lines: ids of its line items, in the order given."""

    program_budget: UUID
    lines: tuple[UUID, ...]


def propose_budget(conn: psycopg.Connection, proposal: Proposal, actor: str) -> UUID:
    """Enter a draft and return its id. Raises InvalidEntry."""
    check_amount(proposal.amount)
    statement = (
        "insert into budgeting.budget_proposals "
        "(org_id, program_code, name, fiscal_year, currency, amount, proposed_by) "
        "values (%s, %s, %s, %s, %s, %s, %s) returning id"
    )
    values = (
        proposal.org,
        proposal.program_code,
        proposal.name,
        proposal.fiscal_year,
        proposal.currency,
        proposal.amount,
        actor,
    )
    try:
        with acting(conn, actor):
            return conn.execute(statement, values).fetchone()[0]
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        raise InvalidEntry(
            f"the proposal cannot be: {error.diag.message_primary}. "
            "Name an organization and a currency that are there, a program, and a year"
        ) from error


def justify_budget(conn: psycopg.Connection, proposal: UUID, justification: str, actor: str) -> UUID:
    """Say why ``proposal`` asks for what it asks for, and return the justification's id.

    Raises InvalidEntry, NoSuchEntry, and WrongState once the proposal is decided.
    """
    check_text("justification", justification)
    with acting(conn, actor):
        found = _locked(conn, proposal, "draft", "submitted")
        return conn.execute(
            "insert into budgeting.budget_justifications (org_id, budget_proposal_id, justification, written_by) "
            "values (%s, %s, %s, %s) returning id",
            (found["org_id"], proposal, justification, actor),
        ).fetchone()[0]


def submit_proposal(conn: psycopg.Connection, proposal: UUID, actor: str) -> None:
    """Ask for a decision on a draft. Raises NoSuchEntry, WrongState, InvalidEntry for one that nothing justifies."""
    with acting(conn, actor):
        _locked(conn, proposal, "draft")
        justified = conn.execute(
            "select exists (select from budgeting.budget_justifications where budget_proposal_id = %s)", (proposal,)
        ).fetchone()[0]
        if not justified:
            raise InvalidEntry(f"proposal {proposal} has no justification: say why with justify_budget first")
        conn.execute("update budgeting.budget_proposals set status = 'submitted' where id = %s", (proposal,))


def adopt_proposal(conn: psycopg.Connection, proposal: UUID, lines: Sequence[Line], on: date, actor: str) -> Adopted:
    """Make a submitted proposal the program's budget for its fiscal year, with these line items, as of the day ``on``.

    The lines may sum to less than was proposed. Raises ProposalExceeded when they sum to more, ProgramHasBudget,
    InvalidEntry for lines that no budget can have, NoSuchEntry and WrongState.
    """
    if not lines:
        raise InvalidEntry(f"proposal {proposal} cannot be adopted without a line: nothing could be spent of it")
    for line in lines:
        check_amount(line.amount)
    total = sum((line.amount for line in lines), Decimal(0))
    with acting(conn, actor):
        found = _locked(conn, proposal, "submitted")
        if total > found["amount"]:
            raise ProposalExceeded(
                f"proposal {proposal} asks for {found['amount']}, and its lines are {total}: adopt that much at most",
                found["amount"],
                Decimal(0),
                total,
            )
        try:
            with conn.transaction():
                adopted = _budget(conn, found, lines, on)
        except psycopg.errors.UniqueViolation as error:
            raise _named(error, found) from error
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            raise InvalidEntry(
                f"proposal {proposal} cannot become this budget: {error.diag.message_primary}. "
                "Name accounts of its organization, numbers of the lines, and a day between 1900 and 2199"
            ) from error
        conn.execute(
            "update budgeting.budget_proposals set status = 'adopted', decided_on = %s, program_budget_id = %s "
            "where id = %s",
            (on, adopted.program_budget, proposal),
        )
        return adopted


def reject_proposal(conn: psycopg.Connection, proposal: UUID, on: date, actor: str) -> None:
    """Turn a submitted proposal down as of the day ``on``. Raises InvalidEntry, NoSuchEntry and WrongState."""
    check_day(on)
    with acting(conn, actor):
        _locked(conn, proposal, "submitted")
        conn.execute(
            "update budgeting.budget_proposals set status = 'rejected', decided_on = %s where id = %s", (on, proposal)
        )


def _locked(conn: psycopg.Connection, proposal: UUID, *needed: str) -> dict:
    """The proposal, kept from other writers until the call's transaction ends."""
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            "select * from budgeting.budget_proposals where id = %s for no key update", (proposal,)
        ).fetchone()
    if found is None:
        raise NoSuchEntry(f"there is no proposal {proposal}: name one that is there")
    if found["status"] not in needed:
        raise WrongState(
            f"proposal {proposal} is {found['status']}, not {' or '.join(needed)}: "
            "look up what was decided, or propose anew",
            found["status"],
            needed,
        )
    return found


def _budget(conn: psycopg.Connection, proposal: dict, lines: Sequence[Line], on: date) -> Adopted:
    budget = conn.execute(
        "insert into program_budgets (org_id, program_code, name, fiscal_year, currency, adopted_on) "
        "values (%(org_id)s, %(program_code)s, %(name)s, %(fiscal_year)s, %(currency)s, %(on)s) returning id",
        {**proposal, "on": on},
    ).fetchone()[0]
    statement = (
        "insert into budget_line_items "
        "(org_id, program_budget_id, account_id, line_number, description, currency, amount, entry_date) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s) returning id"
    )
    place = (proposal["org_id"], budget)
    ids = [
        conn.execute(
            statement,
            (*place, line.account, line.number, line.description, proposal["currency"], line.amount, on),
        ).fetchone()[0]
        for line in lines
    ]
    return Adopted(budget, tuple(ids))


def _named(error: psycopg.errors.UniqueViolation, proposal: dict) -> Exception:
    if error.diag.table_name == "program_budgets":
        return ProgramHasBudget(
            f"program {proposal['program_code']} has a budget for {proposal['fiscal_year']} already: "
            "amend its lines, or reject the proposal"
        )
    return InvalidEntry(f"two lines have one number: {error.diag.message_detail} Number each line of its own")
