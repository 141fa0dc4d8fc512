"""The calls of budget execution. Each is atomic: it books its entry whole or, with an error, nothing.

conn: a connection to the app database. Outside a transaction a call commits on its own; inside one it is a savepoint,
so that a refusal leaves the caller's work standing. Concurrent calls on one parent wait for each other in the
database; what they were promised holds when they commit.
"""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import psycopg

from tieout.budget.entries import Entry, Level, Voucher, book, reverse
from tieout.budget.errors import InvalidEntry

ALLOTMENT = Level("allotment", "allotments", "budget_line_items", "budget_line_item_id", ("quarter",))
OBLIGATION = Level("obligation", "obligations", "allotments", "allotment_id")
DISBURSEMENT = Level("disbursement", "disbursements", "obligations", "obligation_id")


def release_quarterly_allotment(
    conn: psycopg.Connection, line_item: UUID, quarter: int, amount: Decimal, voucher: Voucher
) -> Entry:
    """Release ``amount`` of a budget line item for a quarter (1 to 4) of its fiscal year.

    Raises LineItemExceeded when the line item has less left, InvalidEntry, NoSuchEntry, ReferenceReused.
    """
    if quarter not in (1, 2, 3, 4):
        raise InvalidEntry(f"quarter {quarter!r} is none: a fiscal year has the quarters 1 to 4")
    return book(conn, ALLOTMENT, line_item, amount, voucher, quarter=quarter)


def record_obligation(
    conn: psycopg.Connection, allotment: UUID, amount: Decimal, voucher: Voucher, description: str | None = None
) -> Entry:
    """Commit ``amount`` of an allotment. Raises AllotmentExceeded when it has less left, and as above."""
    return book(conn, OBLIGATION, allotment, amount, voucher, description=description)


def record_disbursement(conn: psycopg.Connection, obligation: UUID, amount: Decimal, voucher: Voucher) -> Entry:
    """Pay ``amount`` on an obligation. Raises ObligationExceeded when it has less left, and as above."""
    return book(conn, DISBURSEMENT, obligation, amount, voucher)


def reverse_allotment(conn: psycopg.Connection, allotment: UUID, amount: Decimal, voucher: Voucher) -> Entry:
    """Withdraw ``amount`` of an allotment, in part or whole. Raises ReversalExceeded for what is obligated."""
    return reverse(conn, ALLOTMENT, allotment, amount, voucher)


def reverse_obligation(conn: psycopg.Connection, obligation: UUID, amount: Decimal, voucher: Voucher) -> Entry:
    """Release ``amount`` of an obligation, in part or whole. Raises ReversalExceeded for what is disbursed."""
    return reverse(conn, OBLIGATION, obligation, amount, voucher)


def reverse_disbursement(conn: psycopg.Connection, disbursement: UUID, amount: Decimal, voucher: Voucher) -> Entry:
    """Book ``amount`` of a disbursement as come back. Raises ReversalExceeded for more than was paid."""
    return reverse(conn, DISBURSEMENT, disbursement, amount, voucher)
