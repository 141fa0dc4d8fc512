"""What happens to issued documents: credit notes, payments in one part or more, failures, reversals, allocations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tieout.generate.columns import choice, days, money
from tieout.generate.documents import Documents
from tieout.generate.draws import Draws
from tieout.generate.ids import numbered, stripe_ids, uuids
from tieout.generate.moments import NEVER, NO_DAY, in_hours, in_the_night_after, next_working_day
from tieout.generate.organizations import Organizations
from tieout.generate.parties import Parties
from tieout.generate.plan import SERIAL_PARTS, Plan
from tieout.generate.rows import Rows
from tieout.generate.world import CODES, DIGITS

# Parts of a document's serial, added to it: a payment, the failed attempt before it, the second part, the repayment.
FIRST, SECOND, REPAYMENT = 0, 2, 4
FAILED_ATTEMPT = 1
CREDIT_NOTE = 8
# Parts of an allocation's: written anew, carried along by another document's payment.
_REAPPLIED = 16
_CARRIED = 32
# How a document is paid.
_WHOLLY, _IN_TWO, _IN_PART, _NOT, _TOO_MUCH, _TWICE = range(6)
# Days from the due date to the payment, by habit: PROMPT, LATE, BAD.
_DELAYS = np.array([(-8, 3), (1, 30), (10, 100)])
# Stripe takes at most eight digits.
_CARD_LIMIT = 99_999_999

CARD_FAILURES = ["card_declined", "insufficient_funds", "expired_card", "processing_error"]
_BANK_FAILURES = ["account_closed", "insufficient_funds", "invalid_account_number", "mandate_revoked"]
_CREDIT_REASONS = ["Goods returned", "Price agreed afterwards", "Service not delivered", None]


@dataclass(frozen=True)
class CreditNotes:
    """Credit notes of a block; document: position of the invoice or bill. tax: the part of amount that is tax."""

    draws: Draws
    id: pa.StringArray
    document: np.ndarray
    amount: np.ndarray
    tax: np.ndarray
    void: np.ndarray
    issued_day: np.ndarray
    created: np.ndarray

    def rows(self, organizations: Organizations, of: Documents) -> Rows:
        number = numbered("CN" if of.side == "ar" else "SCN", (self.draws.serial // SERIAL_PARTS % (1 << 36), 11))

        def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
            document = self.document[at]
            reference = choice(of.id, document)
            absent = pa.nulls(len(at), pa.string())
            return {
                "id": choice(self.id, at),
                "org_id": choice(organizations.id, of.org[document]),
                "credit_note_number": choice(number, at),
                "ar_invoice_id": reference if of.side == "ar" else absent,
                "ap_bill_id": absent if of.side == "ar" else reference,
                "status": choice(["issued", "void"], self.void[at].astype(np.int64)),
                "currency": choice(CODES, of.currency[document]),
                "amount": money(self.amount[at], DIGITS[of.currency[document]]),
                "issued_on": days(self.issued_day[at]),
                "reason": choice(_CREDIT_REASONS, self.draws.at(at).below("credit/reason", len(_CREDIT_REASONS))),
            }

        return Rows("credit_notes", build, self.created)


@dataclass(frozen=True)
class Payments:
    """Payments of a block. document: the (first) one it settles, which also gives party, organization and currency.

    amount: what was paid; applied: what of it is allocated; int64 minor units. day: payment_date. cleared: when it
    succeeded, NEVER for a failed one; at created unless it was pending. reversed_day, reversed: NO_DAY, NEVER if not.
    """

    draws: Draws
    id: pa.StringArray
    charge_id: pa.StringArray
    document: np.ndarray
    amount: np.ndarray
    applied: np.ndarray
    by_card: np.ndarray
    failed: np.ndarray
    day: np.ndarray
    cleared_day: np.ndarray
    reversed_day: np.ndarray
    created: np.ndarray
    visible: np.ndarray
    cleared: np.ndarray
    reversed: np.ndarray
    deleted: np.ndarray

    def __len__(self) -> int:
        return len(self.document)

    def rows(self, organizations: Organizations, parties: Parties, of: Documents) -> Rows:
        reference = numbered("BNK", (self.draws.below("payment/reference", 10**12), 12))

        def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
            document = self.document[at]
            org, currency = of.org[document], of.currency[document]
            card, failed, back = self.by_card[at], self.failed[at], self.reversed[at] < until
            status = np.where(failed, 2, np.where(back, 3, np.where(self.cleared[at] < until, 1, 0)))
            party = choice(parties.id, of.party[document])
            absent = pa.nulls(len(at), pa.string())
            draws = self.draws.at(at)
            reasons = draws.below("payment/failure", len(CARD_FAILURES)) + np.where(card, 0, len(CARD_FAILURES))
            return {
                "id": choice(self.id, at),
                "org_id": choice(organizations.id, org),
                "direction": choice(["in" if of.side == "ar" else "out"], np.zeros(len(at), np.int64)),
                "status": choice(["pending", "succeeded", "failed", "reversed"], status),
                "customer_id": party if of.side == "ar" else absent,
                "supplier_id": absent if of.side == "ar" else party,
                "bank_account_id": choice(organizations.bank_id, organizations.bank[org, currency], ~card),
                "currency": choice(CODES, currency),
                "amount": money(self.amount[at], DIGITS[currency]),
                "payment_date": days(self.day[at]),
                "reversed_on": days(self.reversed_day[at], back),
                "processor": choice(["bank", "stripe"], card.astype(np.int64)),
                "processor_reference": pa.compute.if_else(
                    pa.array(card), choice(self.charge_id, at), choice(reference, at)
                ),
                "failure_reason": choice(CARD_FAILURES + _BANK_FAILURES, reasons, failed),
            }

        pending = np.where(self.cleared > self.created, self.cleared, NEVER)
        return Rows("payments", build, self.created, self.visible, (pending, self.reversed), self.deleted)


@dataclass(frozen=True)
class Allocations:
    """Parts of payments put to documents; payment and document are positions."""

    id: pa.StringArray
    payment: np.ndarray
    document: np.ndarray
    amount: np.ndarray
    day: np.ndarray
    created: np.ndarray
    visible: np.ndarray
    deleted: np.ndarray

    def rows(self, organizations: Organizations, of: Documents, payments: Payments) -> Rows:
        def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
            document = self.document[at]
            reference = choice(of.id, document)
            absent = pa.nulls(len(at), pa.string())
            return {
                "id": choice(self.id, at),
                "org_id": choice(organizations.id, of.org[document]),
                "payment_id": choice(payments.id, self.payment[at]),
                "ar_invoice_id": reference if of.side == "ar" else absent,
                "ap_bill_id": absent if of.side == "ar" else reference,
                "currency": choice(CODES, of.currency[document]),
                "amount": money(self.amount[at], DIGITS[of.currency[document]]),
                "allocated_on": days(self.day[at]),
            }

        return Rows("payment_allocations", build, self.created, self.visible, (), self.deleted)


def credit_notes(plan: Plan, of: Documents) -> CreditNotes:
    """A credit note on some of the documents that stand: for five to fifty per cent, now and then for all of it."""
    document = np.flatnonzero(of.stands & of.draws.chance("credit", plan.rates.credited))
    draws = Draws(plan.seed, of.draws.serial[document] + CREDIT_NOTE)
    total = of.total[document]
    share = np.where(draws.chance("credit/whole", 800), 100, draws.between("credit/share", 5, 50))
    amount = np.maximum(total * share // 100, 1)
    issued_day = of.issued_day[document] + draws.between("credit/after", 2, 20)
    created = in_hours(issued_day, draws, "credit/created")
    return CreditNotes(
        draws=draws,
        id=uuids(draws, "credit_note", created),
        document=document,
        amount=amount,
        tax=(amount * of.tax[document] * 2 + total) // (total * 2),
        void=draws.chance("credit/void", plan.rates.credit_void),
        issued_day=issued_day,
        created=created,
    )


def settle(plan: Plan, of: Documents, credits: CreditNotes, parties: Parties) -> tuple[Payments, Allocations]:
    """The payments of a block's documents, and what of each is put to which document."""
    rates = plan.rates
    owed = of.total.copy()
    owed[credits.document] -= np.where(credits.void, 0, credits.amount)
    payable = np.flatnonzero(of.stands & (owed > 0))
    draws, owed, party = of.draws.at(payable), owed[payable], of.party[payable]

    kind = draws.pick("pay/kind", _kinds(plan, of.side))
    # One minor unit cannot be split.
    kind = np.where((owed < 2) & ((kind == _IN_TWO) | (kind == _IN_PART)), _WHOLLY, kind)
    paid = kind != _NOT
    part = np.maximum(owed * draws.between("pay/share", 30, 70) // 100, 1)
    own = np.where((kind == _IN_TWO) | (kind == _IN_PART), part, owed)
    excess = np.where(kind == _TOO_MUCH, owed * draws.between("pay/excess", 1, 5) // 100 + 1, 0)
    by_card = parties.by_card[party] & (owed + excess <= _CARD_LIMIT)
    reverses = paid & (kind != _TWICE) & draws.chance("pay/reversed", rates.reversed)
    delay = _DELAYS[parties.habit[party]]
    day = np.maximum(
        of.due_day[payable] + draws.between("pay/delay", delay[:, 0], delay[:, 1]), of.issued_day[payable] + 2
    )

    # One payment for two invoices of a party: the leading one's payment takes the following one's amount along.
    lead, follow = _pairs((kind == _WHOLLY) & ~by_card & ~reverses, party, draws, rates.paid_together)
    day[lead] = np.maximum(day[lead], day[follow])
    carried = np.zeros(len(owed), np.int64)
    carried[lead] = owed[follow]
    paid[follow] = False

    first = _attempt(plan, draws, FIRST, day, by_card)
    reversed_day = np.where(reverses, first.cleared_day + draws.between("pay/reversed_after", 3, 30), NO_DAY)
    rest_after = np.where(
        kind == _TWICE, draws.between("pay/again_after", 1, 5), draws.between("pay/rest_after", 10, 40)
    )
    second = _attempt(plan, draws, SECOND, first.cleared_day + rest_after, by_card)
    repaid = reverses & draws.chance("pay/repaid", rates.repaid)
    repayment = _attempt(plan, draws, REPAYMENT, reversed_day + draws.between("pay/repaid_after", 5, 20), by_card)
    never = np.full(len(owed), NO_DAY)
    in_two = (kind == _IN_TWO) | (kind == _TWICE)
    rest = np.where(kind == _TWICE, owed, owed - part)
    parts = []
    for attempt, who, amount, own_amount, back in (
        (first, paid, own + carried + excess, own, reversed_day),
        (second, in_two, rest, rest, never),
        (repayment, repaid, own + excess, own, never),
    ):
        parts.append(_rows_of(attempt, np.flatnonzero(who), False, amount, own_amount, back))
        parts.append(_rows_of(attempt, np.flatnonzero(who & attempt.fails), True, amount, own_amount, never))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    payments, own_amount = _payments(plan, of, payable, by_card, carried, columns)

    # The successful first payments are the first rows, in the order of the documents.
    leading = np.searchsorted(np.flatnonzero(paid), lead)
    through = np.flatnonzero(~payments.failed)
    allocations = _allocations(
        plan,
        payments,
        serial=np.concatenate([payments.draws.serial[through], of.draws.serial[payable[follow]] + _CARRIED]),
        payment=np.concatenate([through, leading]),
        document=np.concatenate([payments.document[through], payable[follow]]),
        amount=np.concatenate([own_amount[through], owed[follow]]),
    )
    return payments, allocations


def _kinds(plan: Plan, side: str) -> list[int]:
    """Weights of the ways a document is paid, in the order of _WHOLLY, _IN_TWO, …"""
    rates = plan.rates
    others = [rates.partly_paid, rates.left_open, rates.unpaid]
    others += [rates.overpaid, rates.paid_twice] if side == "ar" else [0, 0]
    return [10_000 - sum(others), *others]


def _pairs(fit: np.ndarray, party: np.ndarray, draws: Draws, chance: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of documents that go together, (leading, following): neighbours of one party among those ``fit``."""
    at = np.flatnonzero(fit)
    at = at[np.argsort(party[at], kind="stable")]
    if len(at) < 2:
        return at[:0], at[:0]
    starts = np.flatnonzero(np.r_[True, party[at][1:] != party[at][:-1]])
    place = np.arange(len(at)) - np.repeat(starts, np.diff(np.r_[starts, len(at)]))
    leads = (place[:-1] % 2 == 0) & (party[at][:-1] == party[at][1:])
    leads &= draws.at(at[:-1]).chance("pay/together", chance)
    where = np.flatnonzero(leads)
    return at[where], at[where + 1]


@dataclass(frozen=True)
class _Attempt:
    """A payment of each payable document, whether it is wanted or not, and the failed try before it."""

    draws: Draws
    fails: np.ndarray
    failed_day: np.ndarray
    day: np.ndarray
    pending: np.ndarray
    cleared_day: np.ndarray


def _attempt(plan: Plan, draws: Draws, slot: int, day: np.ndarray, by_card: np.ndarray) -> _Attempt:
    draws = Draws(plan.seed, draws.serial + slot)
    rates = plan.rates
    day = np.where(by_card, day, next_working_day(day))
    fails = draws.chance("pay/fails", np.where(by_card, rates.card_failed, rates.bank_failed))
    retried = day + draws.between("pay/retried_after", 1, 3)
    good = np.where(fails, np.where(by_card, retried, next_working_day(retried)), day)
    pending = ~by_card & draws.chance("pay/pending", rates.pending)
    cleared = good + np.where(pending, draws.between("pay/cleared_after", 2, 4), 0)
    return _Attempt(draws, fails, day, good, pending, cleared)


def _rows_of(
    attempt: _Attempt, at: np.ndarray, failed: bool, amount: np.ndarray, own: np.ndarray, back: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Columns of one attempt's payments, or of the failed tries before them, for the documents ``at``."""
    return (
        attempt.draws.serial[at] + (FAILED_ATTEMPT if failed else 0),
        at,
        amount[at],
        own[at],
        np.full(len(at), failed),
        (attempt.failed_day if failed else attempt.day)[at],
        attempt.pending[at] & (not failed),
        attempt.cleared_day[at],
        back[at],
    )


def _payments(
    plan: Plan,
    of: Documents,
    payable: np.ndarray,
    by_card: np.ndarray,
    carried: np.ndarray,
    columns: list[np.ndarray],
) -> tuple[Payments, np.ndarray]:
    """The payments, and the part of each that is for its own document."""
    serial, at, amount, own, failed, day, pending, cleared_day, reversed_day = columns
    draws = Draws(plan.seed, serial)
    card = by_card[at]
    created = in_hours(day, draws, "payment/created")
    late = ~card & ~failed & ~pending & draws.chance("payment/late", plan.rates.late)
    goes = failed & draws.chance("payment/deleted", plan.rates.failed_deleted)
    slot = serial % SERIAL_PARTS
    return Payments(
        draws=draws,
        id=uuids(draws, "payment", created),
        charge_id=stripe_ids(draws, "charge", "ch"),
        document=payable[at],
        amount=amount,
        applied=np.where(failed, 0, own + np.where(slot == FIRST, carried[at], 0)),
        by_card=card,
        failed=failed,
        day=day,
        cleared_day=np.where(failed, NO_DAY, cleared_day),
        reversed_day=reversed_day,
        created=created,
        visible=np.where(late, in_the_night_after(day, draws, "payment/late_by"), created),
        cleared=np.where(failed, NEVER, np.where(pending, in_hours(cleared_day, draws, "payment/cleared"), created)),
        reversed=np.where(reversed_day < NO_DAY, in_hours(reversed_day, draws, "payment/reversed"), NEVER),
        deleted=np.where(
            goes, in_hours(day + draws.between("payment/deleted_after", 5, 9), draws, "payment/delete"), NEVER
        ),
    ), own


def _allocations(
    plan: Plan,
    payments: Payments,
    serial: np.ndarray,
    payment: np.ndarray,
    document: np.ndarray,
    amount: np.ndarray,
) -> Allocations:
    """The allocations; some are deleted after a while and written anew, to the same document and day."""
    draws = Draws(plan.seed, serial)
    day, created = payments.cleared_day[payment], payments.cleared[payment]
    visible = np.maximum(created, payments.visible[payment])
    anew = draws.chance("allocation/anew", plan.rates.reapplied) & (payments.reversed_day[payment] >= NO_DAY)
    deleted = np.where(
        anew, in_hours(day + draws.between("allocation/anew_after", 2, 10), draws, "allocation/anew_at"), NEVER
    )
    again = np.flatnonzero(anew)
    created = np.concatenate([created, deleted[again]])
    return Allocations(
        id=uuids(Draws(plan.seed, np.concatenate([serial, serial[again] + _REAPPLIED])), "allocation", created),
        payment=np.concatenate([payment, payment[again]]),
        document=np.concatenate([document, document[again]]),
        amount=np.concatenate([amount, amount[again]]),
        day=np.concatenate([day, day[again]]),
        created=created,
        visible=np.concatenate([visible, deleted[again]]),
        deleted=np.concatenate([deleted, np.full(len(again), NEVER)]),
    )
