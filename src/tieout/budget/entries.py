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

from tieout.budget.calls import acting, check_amount
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
    """One kind of entry: its table, the table and column of what it is taken from, further columns of its place."""

    name: str
    table: str
    parent_table: str
    parent: str
    place: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """A booked entry. amount: negative for a reversal. is_repeat: it was there already, from an earlier call."""

    id: UUID
    amount: Decimal
    currency: str
    voucher: Voucher
    is_repeat: bool


@dataclass(frozen=True)
class _Booking:
    """An entry to be. source: the id of what it is taken from, or of what it reverses. amount: negative to reverse."""

    level: Level
    source: UUID
    amount: Decimal
    voucher: Voucher
    more: dict[str, Any]

    @property
    def is_reversal(self) -> bool:
        return self.amount < 0

    @property
    def source_table(self) -> str:
        return self.level.table if self.is_reversal else self.level.parent_table

    @property
    def source_column(self) -> str:
        return "adjusts_id" if self.is_reversal else self.level.parent

    @property
    def own(self) -> dict[str, Any]:
        """The columns that the call gives values to, but for the source."""
        voucher = self.voucher
        return {
            "amount": self.amount,
            "reference": voucher.reference,
            "entry_date": voucher.entry_date,
            **self.more,
        }

    @property
    def copied(self) -> list[str]:
        """The columns that are the source's: organization and currency, of a reversal its place too."""
        place = [self.level.parent, *self.level.place] if self.is_reversal else []
        return ["org_id", "currency", *place]


def book(conn: psycopg.Connection, level: Level, parent: UUID, amount: Decimal, voucher: Voucher, **more: Any) -> Entry:
    """Add an entry of ``level`` taken from ``parent``; ``more``: its further columns.

    Raises InvalidEntry, NoSuchEntry, ReferenceReused or LimitExceeded.
    """
    _check(amount, voucher)
    return _add(conn, _Booking(level, parent, amount, voucher, more))


def reverse(conn: psycopg.Connection, level: Level, entry: UUID, amount: Decimal, voucher: Voucher) -> Entry:
    """Take ``amount`` of ``entry`` back. Raises as `book` does, ReversalExceeded for what does not stand unused."""
    _check(amount, voucher)
    return _add(conn, _Booking(level, entry, -amount, voucher, {}))


def _check(amount: Decimal, voucher: Voucher) -> None:
    check_amount(amount)
    if not voucher.reference.strip():
        raise InvalidEntry("a voucher needs a reference: an entry without one cannot be found again")


def _add(conn: psycopg.Connection, booking: _Booking) -> Entry:
    statement = sql.SQL(
        "insert into public.{table} ({source_column}, {copied}, {own}) select id, {copied}, {values} "
        "from public.{source_table} where id = {source} and adjusts_id is null "
        "on conflict (org_id, reference) do nothing returning id, currency"
    ).format(
        table=sql.Identifier(booking.level.table),
        source_table=sql.Identifier(booking.source_table),
        source_column=sql.Identifier(booking.source_column),
        source=sql.Placeholder("source"),
        copied=sql.SQL(", ").join(map(sql.Identifier, booking.copied)),
        own=sql.SQL(", ").join(map(sql.Identifier, booking.own)),
        values=sql.SQL(", ").join(map(sql.Placeholder, booking.own)),
    )
    try:
        with acting(conn, booking.voucher.actor):
            row = conn.execute(statement, {**booking.own, "source": booking.source}).fetchone()
            if row is None:
                return _earlier(conn, booking)
    except psycopg.errors.CheckViolation as error:
        raise _named(error, booking.is_reversal) from error
    return Entry(row[0], booking.amount, row[1], booking.voucher, is_repeat=False)


def _earlier(conn: psycopg.Connection, booking: _Booking) -> Entry:
    """The entry that an earlier call booked under the same reference. Raises NoSuchEntry or ReferenceReused."""
    level, reference = booking.level, booking.voucher.reference
    source = conn.execute(
        sql.SQL("select org_id from public.{} where id = %s and adjusts_id is null").format(
            sql.Identifier(booking.source_table)
        ),
        (booking.source,),
    ).fetchone()
    if source is None:
        raise NoSuchEntry(
            f"{booking.source_table} has no entry {booking.source} that can be built on: "
            "name one that is there and is no adjustment"
        )
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            sql.SQL("select * from public.{} where org_id = %s and reference = %s").format(sql.Identifier(level.table)),
            (source[0], reference),
        ).fetchone()
    wanted = {"adjusts_id": None, **booking.own, booking.source_column: booking.source}
    if found is None or any(found[name] != value for name, value in wanted.items()):
        raise ReferenceReused(
            f"{level.name} {reference!r} is booked already, with another amount, date or origin: "
            "repeat the first call exactly, or take a reference of its own"
        )
    return Entry(found["id"], found["amount"], found["currency"], booking.voucher, is_repeat=True)


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
