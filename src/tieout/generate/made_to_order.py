"""Documents whose party, amount and days are given, not drawn, with what they bring: payments, bank and journals.

They become rows by the same code as the drawn ones, so that their journals balance and cash and control accounts tie.
Tax is none, payments go through the bank, and nothing is late, voided or reversed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tieout.generate import bank, ledger
from tieout.generate.documents import Documents
from tieout.generate.draws import Draws
from tieout.generate.ids import numbered, uuids
from tieout.generate.moments import NEVER, NO_DAY, in_hours
from tieout.generate.organizations import Organizations
from tieout.generate.parties import Parties
from tieout.generate.plan import SERIAL_PARTS, Plan
from tieout.generate.rows import Rows
from tieout.generate.settlements import FIRST, SECOND, Allocations, Payments

# Numbers of drawn documents stay below it.
_NUMBERS = 9_000_000
# A payment's part of its document's serial.
_SLOTS = tuple(range(FIRST, SERIAL_PARTS, SECOND - FIRST))


@dataclass(frozen=True)
class Order:
    """A document as it shall be. party: position in its Parties; total: minor units; number: NULL for the next one.

    payments: (amount, day) each, all allocated to the document.
    """

    party: int
    total: int
    day: int
    due_day: int
    payments: tuple[tuple[int, int], ...] = ()
    number: str | None = None
    ledger: int = 0


@dataclass(frozen=True)
class Made:
    """What orders became. Ids are by order, and by order and payment; cleared is each payment's moment, likewise."""

    rows: list[Rows]
    document: list[str]
    created: list[int]
    payment: list[list[str]]
    transaction: list[list[str]]
    cleared: list[list[int]]


def number_of(side: str, month: int, place: int) -> str:
    """The number that the order at ``place`` of a month gets unless it brings its own."""
    return f"{'INV' if side == 'ar' else 'BILL'}-{month // 12 * 100 + month % 12 + 1:06d}-{_NUMBERS + place:07d}"


def make(
    plan: Plan, own: Organizations, who: Parties, month: int, serial: int, orders: Sequence[Order], first: int = 0
) -> Made:
    """The rows of one month's orders of one side. ``serial``: of the first document, SERIAL_PARTS free behind each.

    first: the place of the first order's number among those of the month.
    """
    side = "ar" if who.side == "ar" else "ap"
    n = len(orders)
    draws = Draws(plan.seed, serial + np.arange(n, dtype=np.int64) * SERIAL_PARTS)
    party, total, day, due, code = (
        np.array([getattr(order, name) for order in orders], np.int64)
        for name in ("party", "total", "day", "due_day", "ledger")
    )
    created = in_hours(day, draws, "document/created")
    never, no_day = np.full(n, NEVER), np.full(n, NO_DAY)
    docs = Documents(
        side=side,
        draws=draws,
        id=uuids(draws, "document", created),
        number=pa.array([o.number or number_of(side, month, first + i) for i, o in enumerate(orders)], pa.string()),
        party=party,
        org=who.org[party],
        currency=who.currency[party],
        subtotal=total,
        tax=np.zeros(n, np.int64),
        total=total,
        ledger=code,
        issued_day=day,
        due_day=due,
        void_day=no_day,
        created=created,
        visible=created,
        issued=created,
        voided=never,
        disputed=never,
        settled=never,
        deleted=never,
    )
    paid, allocated = _settled(plan, docs, orders)
    events = [*ledger.document_events(docs), *ledger.payment_events(docs, paid, np.zeros(len(paid), np.int64))]
    transactions = uuids(paid.draws, "bank", paid.cleared).to_pylist()
    return Made(
        rows=[
            docs.rows(own, who),
            paid.rows(own, who, docs),
            allocated.rows(own, docs, paid),
            bank.payment_transactions(own, who, docs, paid)[0],
            *(ledger.journals(plan, own, event) for event in events),
        ],
        document=docs.id.to_pylist(),
        created=created.tolist(),
        payment=_by_order(orders, paid.id.to_pylist()),
        transaction=_by_order(orders, transactions),
        cleared=_by_order(orders, paid.cleared.tolist()),
    )


def _by_order(orders: Sequence[Order], values: list) -> list[list]:
    left = iter(values)
    return [[next(left) for _ in order.payments] for order in orders]


def _settled(plan: Plan, docs: Documents, orders: Sequence[Order]) -> tuple[Payments, Allocations]:
    document = np.array([at for at, order in enumerate(orders) for _ in order.payments], np.int64)
    slot = np.array([slot for order in orders for slot, _ in zip(_SLOTS, order.payments, strict=False)], np.int64)
    amount, day = (np.array([payment[i] for order in orders for payment in order.payments], np.int64) for i in range(2))
    n = len(document)
    draws = Draws(plan.seed, docs.draws.serial[document] + slot)
    created = in_hours(day, draws, "payment/created")
    never, no = np.full(n, NEVER), np.zeros(n, bool)
    paid = Payments(
        draws=draws,
        id=uuids(draws, "payment", created),
        charge_id=numbered("BNK", (draws.below("payment/reference", 10**12), 12)),
        document=document,
        amount=amount,
        applied=amount,
        by_card=no,
        failed=no,
        day=day,
        cleared_day=day,
        reversed_day=np.full(n, NO_DAY),
        created=created,
        visible=created,
        cleared=created,
        reversed=never,
        deleted=never,
    )
    allocated = Allocations(
        id=uuids(draws, "allocation", created),
        payment=np.arange(n),
        document=document,
        amount=amount,
        day=day,
        created=created,
        visible=created,
        deleted=never,
    )
    return paid, allocated
