"""What is booked in budget execution, and how it gets into the database once however often it is asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from tieout.budget.errors import (
    AllotmentExceeded,
    InvalidEntry,
    LimitExceeded,
    LineItemExceeded,
    NoSuchEntry,
    ObligationExceeded,
    ReferenceReused,
    ReversalExceeded,
)

# numeric(19,4)
_DIGITS_BEFORE, _DECIMALS = 15, 4
_EXCEEDED: dict[str, type[LimitExceeded]] = {
    "allotments_within_line_item": LineItemExceeded,
    "obligations_within_allotment": AllotmentExceeded,
    "disbursements_within_obligation": ObligationExceeded,
    "reversals_within_disbursement": ReversalExceeded,
}


@dataclass(frozen=True)
class Voucher:
    """The paper behind an entry.

    reference: its number, unique in the organization per kind of entry; a call repeated under it books nothing twice.
    entry_date: the day the entry counts from. actor: who asks, for the audit.
    """

    reference: str
    entry_date: date
    actor: str


@dataclass(frozen=True)
class Level:
    """One kind of entry: its table, and the table and column of what it is taken from."""

    name: str
    table: str
    parent_table: str
    parent: str


@dataclass(frozen=True)
class Entry:
    """A booked entry. amount: negative for a reversal. is_repeat: it was there already, from an earlier call."""

    id: UUID
    amount: Decimal
    currency: str
    voucher: Voucher
    is_repeat: bool


def book(conn: psycopg.Connection, level: Level, parent: UUID, amount: Decimal, voucher: Voucher, **more: Any) -> Entry:
    """Add an entry of ``level`` taken from ``parent``; ``more``: its further columns.

    Raises InvalidEntry, NoSuchEntry, ReferenceReused or LimitExceeded.
    """
    _check(amount, voucher)
    return _add(conn, level, parent, level.parent_table, level.parent, amount, voucher, more)


def reverse(conn: psycopg.Connection, level: Level, entry: UUID, amount: Decimal, voucher: Voucher) -> Entry:
    """Take ``amount`` of ``entry`` back. Raises as `book` does, ReversalExceeded for what does not stand unused."""
    _check(amount, voucher)
    return _add(conn, level, entry, level.table, "adjusts_id", -amount, voucher, {})


def _check(amount: Decimal, voucher: Voucher) -> None:
    # A float would bring its rounding along; bool and int are no money either.
    if not isinstance(amount, Decimal):
        raise InvalidEntry(f"amount {amount!r} is {type(amount).__name__}: pass a Decimal made from text")
    if not amount.is_finite() or amount <= 0:
        raise InvalidEntry(f"amount {amount} is not above zero: pass what is to be booked, or taken back, as positive")
    if amount != round(amount, _DECIMALS) or amount >= 10**_DIGITS_BEFORE:
        raise InvalidEntry(f"amount {amount} does not fit numeric(19,4): nothing is rounded, give at most 4 decimals")
    if not voucher.reference.strip() or not voucher.actor.strip():
        raise InvalidEntry("a voucher needs a reference and an actor: an empty one cannot be found again")


def _add(
    conn: psycopg.Connection,
    level: Level,
    source: UUID,
    source_table: str,
    source_column: str,
    amount: Decimal,
    voucher: Voucher,
    more: dict[str, Any],
) -> Entry:
    """Insert a row that copies organization and currency (a reversal: its place too) from the row it builds on."""
    own = {"amount": amount, "reference": voucher.reference, "entry_date": voucher.entry_date, **more}
    copied = ["org_id", "currency"]
    if source_column == "adjusts_id":
        copied += [level.parent] + (["quarter"] if level.table == "allotments" else [])
    statement = sql.SQL(
        "insert into public.{table} ({source_column}, {copied}, {own}) select id, {copied}, {values} "
        "from public.{source_table} where id = {source} and adjusts_id is null "
        "on conflict (org_id, reference) do nothing returning id, currency"
    ).format(
        table=sql.Identifier(level.table),
        source_table=sql.Identifier(source_table),
        source_column=sql.Identifier(source_column),
        source=sql.Placeholder("source"),
        copied=sql.SQL(", ").join(map(sql.Identifier, copied)),
        own=sql.SQL(", ").join(map(sql.Identifier, own)),
        values=sql.SQL(", ").join(map(sql.Placeholder, own)),
    )
    try:
        with conn.transaction():
            # Until the transaction ends: the audit's triggers read it.
            conn.execute("select set_config('tieout.actor', %s, true)", (voucher.actor,))
            row = conn.execute(statement, {**own, "source": source}).fetchone()
            if row is None:
                return _earlier(conn, level, source, source_table, source_column, own, voucher)
    except psycopg.errors.CheckViolation as error:
        raise _named(error, is_reversal=amount < 0) from error
    return Entry(row[0], amount, row[1], voucher, is_repeat=False)


def _earlier(
    conn: psycopg.Connection,
    level: Level,
    source: UUID,
    source_table: str,
    source_column: str,
    own: dict[str, Any],
    voucher: Voucher,
) -> Entry:
    """The entry that an earlier call booked under the same reference. Raises NoSuchEntry or ReferenceReused."""
    named = conn.execute(
        sql.SQL("select org_id from public.{} where id = %s and adjusts_id is null").format(
            sql.Identifier(source_table)
        ),
        (source,),
    ).fetchone()
    if named is None:
        raise NoSuchEntry(
            f"{source_table} has no entry {source} that can be built on: name one that is there and is no adjustment"
        )
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            sql.SQL("select * from public.{} where org_id = %s and reference = %s").format(sql.Identifier(level.table)),
            (named[0], voucher.reference),
        ).fetchone()
    wanted = {**own, source_column: source, **({} if source_column == "adjusts_id" else {"adjusts_id": None})}
    if found is None or any(found[name] != value for name, value in wanted.items()):
        raise ReferenceReused(
            f"{level.name} {voucher.reference!r} is booked already, with another amount, date or origin: "
            "repeat the first call exactly, or take a reference of its own"
        )
    return Entry(found["id"], found["amount"], found["currency"], voucher, is_repeat=True)


def _named(error: psycopg.errors.CheckViolation, is_reversal: bool) -> Exception:
    """The typed error for a limit or a date that the database refused."""
    diag = error.diag
    kind = _EXCEEDED.get(diag.constraint_name or "")
    message = f"{diag.message_primary}. {diag.message_hint or ''}".strip()
    if kind is None:
        return InvalidEntry(message)
    numbers = json.loads(diag.message_detail or "{}")
    limit, used, asked = (Decimal(numbers[name]) for name in ("limit", "used", "asked"))
    return (ReversalExceeded if is_reversal else kind)(message, limit, used, asked)
