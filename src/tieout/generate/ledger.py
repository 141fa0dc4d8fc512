"""The general ledger: one journal for everything that moves money or debt, balanced by construction and asserted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tieout.generate.columns import choice, days, money, same
from tieout.generate.documents import Documents
from tieout.generate.draws import Draws
from tieout.generate.ids import uuids
from tieout.generate.moments import NEVER
from tieout.generate.organizations import Organizations
from tieout.generate.plan import Plan
from tieout.generate.rows import Rows
from tieout.generate.settlements import CreditNotes, Payments
from tieout.generate.world import ACCOUNT, CODES, DIGITS, REVENUE, SPENDING

# Journals of one document's serial, by what they are of; a payment has a serial of its own.
_ISSUE, _VOID, _CREDIT, _CLEAR, _REVERSE, TRANSFER, MANUAL, DISPUTED = range(8)
# A ninth kind has the number of the next serial's first; no document has a serial as low as an exchange's.
EXCHANGE = 8
_MEMOS = (
    "Issued", "Voided", "Credited", "Settled", "Reversed", "Transferred", "Entered by hand", "Disputed", "Exchanged"
)  # fmt: skip
LINES = 8


@dataclass(frozen=True)
class Event:
    """Journals of one kind. lines: (account code or positions in CHART, int64[n] signed minor units), debit positive.

    Lines of zero are left out. when: the moment of posting, NEVER for no journal; visible: when it was committed.
    document_type: none, as document_id, for a journal entered by hand.
    """

    kind: int
    serial: np.ndarray
    document_type: str | None
    document_id: pa.Array
    org: np.ndarray
    currency: np.ndarray
    day: np.ndarray
    when: np.ndarray
    visible: np.ndarray
    lines: tuple[tuple[str | np.ndarray, np.ndarray], ...]


def journals(plan: Plan, organizations: Organizations, event: Event) -> Rows:
    """The ledger's lines of one kind of event."""
    n = len(event.serial)
    assert (sum(amount for _, amount in event.lines) == 0).all(), f"{_MEMOS[event.kind]}: a journal is off"
    source, account, amount, line = [], [], [], []
    for number, (code, values) in enumerate(event.lines):
        at = np.flatnonzero((values != 0) & (event.when < NEVER))
        chart = np.full(n, ACCOUNT[code]) if isinstance(code, str) else code
        source.append(at)
        account.append(organizations.account[event.org[at], chart[at]])
        amount.append(values[at])
        line.append(np.full(len(at), number))
    # Ordered by journal, so that every part of a load holds whole journals.
    of = np.concatenate(source)
    order = np.argsort(of, kind="stable")
    of = of[order]
    accounts, amounts, numbers = (np.concatenate(x)[order] for x in (account, amount, line))
    serial = event.serial * LINES + event.kind
    journal = uuids(Draws(plan.seed, serial), "journal", event.when)
    draws = Draws(plan.seed, serial[of] * LINES + numbers)

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        rows = of[at]
        return {
            "id": uuids(draws.at(at), "gl_entry", event.when[rows]),
            "org_id": choice(organizations.id, event.org[rows]),
            "journal_id": choice(journal, rows),
            "account_id": choice(organizations.account_id, accounts[at]),
            "entry_date": days(event.day[rows]),
            "currency": choice(CODES, event.currency[rows]),
            "amount": money(amounts[at], DIGITS[event.currency[rows]]),
            "document_type": same(event.document_type, len(at)),
            "document_id": choice(event.document_id, rows),
            "memo": same(_MEMOS[event.kind], len(at)),
        }

    return Rows("gl_entries", build, event.when[of], event.visible[of])


def document_events(of: Documents) -> list[Event]:
    """Issue and void: the control account against revenue or expense, and tax."""
    kind = "ar_invoice" if of.side == "ar" else "ap_bill"
    codes = REVENUE if of.side == "ar" else SPENDING
    counter = np.array([ACCOUNT[code] for code in codes])[of.ledger]
    if of.side == "ar":
        lines = (("1200", of.total), (counter, -of.subtotal), ("2200", -of.tax))
    else:
        lines = ((counter, of.subtotal), ("1300", of.tax), ("2000", -of.total))
    back = tuple((code, -amount) for code, amount in lines)
    whose = (kind, of.id, of.org, of.currency)
    # A late document is committed late with its journal.
    visible = np.where(of.issued == of.created, of.visible, of.issued)
    return [
        Event(_ISSUE, of.draws.serial, *whose, of.issued_day, of.issued, visible, lines),
        Event(_VOID, of.draws.serial, *whose, of.void_day, of.voided, of.voided, back),
    ]


def credit_events(of: Documents, notes: CreditNotes) -> list[Event]:
    """A credit note takes back revenue or expense and its tax; a void one never was posted."""
    net = notes.amount - notes.tax
    if of.side == "ar":
        lines = (("4100", net), ("2200", notes.tax), ("1200", -notes.amount))
    else:
        code = np.array([ACCOUNT[code] for code in SPENDING])[of.ledger[notes.document]]
        lines = (("2000", notes.amount), (code, -net), ("1300", -notes.tax))
    when = np.where(notes.void, NEVER, notes.created)
    org, currency = of.org[notes.document], of.currency[notes.document]
    return [
        Event(
            _CREDIT,
            notes.draws.serial,
            "credit_note",
            notes.id,
            org,
            currency,
            notes.issued_day,
            when,
            when,
            lines,
        )
    ]


def payment_events(of: Documents, payments: Payments, fee: np.ndarray) -> list[Event]:
    """A payment when it clears and when it is reversed. ``fee``: int64[n], what the processor kept, minor units.

    What is not allocated stands in customer deposits. A reversal gives back the whole amount; the fee stays lost.
    """
    zero = np.zeros(len(payments), np.int64)
    card, amount = payments.by_card, payments.amount
    unapplied = amount - payments.applied
    if of.side == "ar":
        cash, clearing = np.where(card, zero, amount), np.where(card, amount, zero)
        owed = (("1200", -payments.applied), ("2300", -unapplied))
        came = (("1000", cash), ("1050", clearing - fee), ("6100", fee), *owed)
        went = (("1000", -cash), ("1050", -clearing), *((code, -value) for code, value in owed))
    else:
        came = (("2000", amount), ("1000", -amount))
        went = (("2000", -amount), ("1000", amount))
    document = payments.document
    whose = ("payment", payments.id, of.org[document], of.currency[document])
    visible = np.maximum(payments.cleared, payments.visible)
    serial = payments.draws.serial
    return [
        Event(_CLEAR, serial, *whose, payments.cleared_day, payments.cleared, visible, came),
        Event(_REVERSE, serial, *whose, payments.reversed_day, payments.reversed, payments.reversed, went),
    ]
