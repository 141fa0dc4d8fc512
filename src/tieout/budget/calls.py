"""What every call has in common: it is atomic, says who asks, and refuses an amount that no row can hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal

import psycopg

from tieout.budget.errors import InvalidEntry

# numeric(19,4)
_DIGITS_BEFORE, _DECIMALS = 15, 4


@contextmanager
def acting(conn: psycopg.Connection, actor: str) -> Iterator[None]:
    """A transaction of the call's own, or a savepoint of the caller's, in which the audit names ``actor``."""
    if not actor.strip():
        raise InvalidEntry("the actor is empty: the audit has to name who asked")
    with conn.transaction():
        # Until the transaction ends: the audit's triggers read it.
        conn.execute("select set_config('tieout.actor', %s, true)", (actor,))
        yield


def check_amount(amount: Decimal) -> None:
    """Raises InvalidEntry for what is no Decimal above zero of at most four decimals."""
    # A float would bring its rounding along; bool and int are no money either.
    if not isinstance(amount, Decimal):
        raise InvalidEntry(f"amount {amount!r} is {type(amount).__name__}: pass a Decimal made from text")
    if not amount.is_finite() or amount <= 0:
        raise InvalidEntry(f"amount {amount} is not above zero: pass what is to be booked, or taken back, as positive")
    if amount >= 10**_DIGITS_BEFORE or amount != round(amount, _DECIMALS):
        raise InvalidEntry(f"amount {amount} does not fit numeric(19,4): nothing is rounded, give at most 4 decimals")


def check_day(on: date) -> None:
    """Raises InvalidEntry for a day that no row can have."""
    if not 1900 <= on.year <= 2199:
        raise InvalidEntry(f"the day {on} is none: give one between 1900 and 2199")


def check_text(name: str, text: str) -> None:
    """Raises InvalidEntry for an empty text."""
    if not text.strip():
        raise InvalidEntry(f"the {name} is empty: nobody can tell what it is")
