"""The verb `tieout budget`: a budget or a forecast of an account and month, entered by hand.

An entry is a row of input_budget in the app database and is never changed: of an account, a month and a scenario the
newest counts, and counts before every delivered file.
"""

from __future__ import annotations

import getpass
from datetime import date
from decimal import Decimal, InvalidOperation

import psycopg
import typer

from tieout import connections
from tieout.errors import TieoutError

_DIGITS = 2


class BudgetError(TieoutError):
    """An entry that cannot be made; nothing was written."""


def enter(account_id: str, month: date, amount: Decimal, scenario: str, who: str) -> str:
    """Add an entry and return its id.

    amount: signed as in the ledger, debit positive, in the organization's base currency, of at most two decimals.
    Raises BudgetError for an account, amount or scenario that the app database refuses.
    """
    if not amount.is_finite() or amount.as_tuple().exponent < -_DIGITS:
        raise BudgetError(f"the amount {amount} is no number of at most {_DIGITS} decimals: nothing is rounded")
    statement = (
        "insert into input_budget (account_id, budget_month, amount, scenario, who) values (%s, %s, %s, %s, %s) "
        "returning entry_id"
    )
    try:
        with connections.app_db() as conn:
            row = conn.execute(statement, (account_id, month.replace(day=1), amount, scenario, who)).fetchone()
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        hint = f" {error.diag.message_hint}" if error.diag.message_hint else ""
        raise BudgetError(f"the app database refuses the entry: {error.diag.message_primary}.{hint}") from error
    return str(row[0])


def run(account: str, month: str, amount: str, scenario: str) -> None:
    """Read what was typed, make the entry and print its id."""
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError as error:
        raise BudgetError(f"{month!r} is no month: write it as YYYY-MM") from error
    try:
        value = Decimal(amount)
    except InvalidOperation as error:
        raise BudgetError(f"{amount!r} is no amount: write it as 1200.50 or -1200.50") from error
    typer.echo(f"entered {enter(account, first, value, scenario, getpass.getuser())}")
