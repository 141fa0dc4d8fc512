"""Work items: what someone has to do for a proposal or an adopted budget. One is open, then done or cancelled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import psycopg

from tieout.budget.calls import acting, check_day, check_text
from tieout.budget.errors import InvalidEntry, NoSuchEntry, WrongState


@dataclass(frozen=True)
class WorkItem:
    """What is to be done for a proposal or for a program's budget: exactly one of them is named."""

    title: str
    proposal: UUID | None = None
    program_budget: UUID | None = None
    assigned_to: str | None = None
    due_on: date | None = None


def open_work_item(conn: psycopg.Connection, item: WorkItem, actor: str) -> UUID:
    """Add the work item and return its id. Raises InvalidEntry, and NoSuchEntry for a subject that is not there."""
    check_text("title", item.title)
    if item.assigned_to is not None:
        check_text("assignee", item.assigned_to)
    if (item.proposal is None) == (item.program_budget is None):
        raise InvalidEntry("a work item is about a proposal or about a program's budget: name one of them")
    # One of the two tables has the subject, and the item belongs to its organization.
    statement = (
        "insert into budgeting.work_items "
        "(org_id, budget_proposal_id, program_budget_id, title, assigned_to, due_on) "
        "select org_id, %(proposal)s, %(budget)s, %(title)s, %(assigned_to)s, %(due_on)s from ("
        "select org_id from budgeting.budget_proposals where id = %(proposal)s "
        "union all select org_id from program_budgets where id = %(budget)s) as subject returning id"
    )
    values = {
        "proposal": item.proposal,
        "budget": item.program_budget,
        "title": item.title,
        "assigned_to": item.assigned_to,
        "due_on": item.due_on,
    }
    try:
        with acting(conn, actor):
            row = conn.execute(statement, values).fetchone()
    except psycopg.errors.CheckViolation as error:
        raise InvalidEntry(f"the work item cannot be: {error.diag.message_primary}. Mend its dates") from error
    if row is None:
        subject = f"proposal {item.proposal}" if item.proposal else f"program budget {item.program_budget}"
        raise NoSuchEntry(f"there is no {subject} to work on: name one that is there")
    return row[0]


def assign_work_item(conn: psycopg.Connection, item: UUID, to: str, actor: str) -> None:
    """Give an open work item to someone, whoever had it. Raises InvalidEntry, NoSuchEntry, WrongState."""
    check_text("assignee", to)
    _change(conn, item, "assigned_to = %s", (to,), actor)


def close_work_item(conn: psycopg.Connection, item: UUID, on: date, actor: str) -> None:
    """Note an open work item as done on the day ``on``. Raises InvalidEntry, NoSuchEntry, WrongState."""
    check_day(on)
    _change(conn, item, "status = 'done', closed_on = %s", (on,), actor)


def cancel_work_item(conn: psycopg.Connection, item: UUID, on: date, actor: str) -> None:
    """Note on the day ``on`` that an open work item need not be done. Raises InvalidEntry, NoSuchEntry, WrongState."""
    check_day(on)
    _change(conn, item, "status = 'cancelled', closed_on = %s", (on,), actor)


def _change(conn: psycopg.Connection, item: UUID, change: str, values: tuple, actor: str) -> None:
    """``change``: columns of an update, which only an open item takes."""
    with acting(conn, actor):
        found = conn.execute("select status from budgeting.work_items where id = %s for update", (item,)).fetchone()
        if found is None:
            raise NoSuchEntry(f"there is no work item {item}: name one that is there")
        if found[0] != "open":
            raise WrongState(f"work item {item} is {found[0]}: open another", found[0], ("open",))
        conn.execute(f"update budgeting.work_items set {change} where id = %s", (*values, item))
