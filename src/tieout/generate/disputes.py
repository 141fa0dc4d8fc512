"""Charges that customers dispute at their bank.

The amount leaves Stripe's balance at once, with a fee, and comes back without the fee if the dispute is won.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tieout.generate.cards import Cards
from tieout.generate.documents import Documents
from tieout.generate.ids import stripe_ids
from tieout.generate.ledger import DISPUTED, Event
from tieout.generate.moments import DAY, NEVER, in_hours
from tieout.generate.organizations import in_currency
from tieout.generate.settlements import Payments

# Of 10,000 charges that are not refunded; of disputes.
_DISPUTED, _WON = 100, 4_000
# US cents for every dispute, won or lost.
_FEE = 1_500
# Journals of what was won are apart from those of what was disputed by their serials.
_RETURNED = 1 << 46
# What is paid later after its invoice is not disputed: a document's life has an end (plan.LIFE_MONTHS).
_PAID_WITHIN_DAYS = 200


@dataclass(frozen=True)
class Disputes:
    """One row a dispute. card: position in the block's cards. fee: minor units. reason: 0 to 2.

    opened, closed: moments; returned: when the amount came back, NEVER if it is lost.
    """

    card: np.ndarray
    fee: np.ndarray
    reason: np.ndarray
    opened: np.ndarray
    closed: np.ndarray
    returned: np.ndarray
    id: pa.StringArray
    balance_id: pa.StringArray
    return_id: pa.StringArray

    def __len__(self) -> int:
        return len(self.card)


def disputes(of: Documents, payments: Payments, cards: Cards) -> Disputes:
    """The disputes of a block's charges."""
    draws = payments.draws.at(cards.payment)
    issued = of.issued_day[payments.document[cards.payment]]
    may = ~cards.failed & cards.in_billing & (cards.refunded >= NEVER)
    may &= cards.charged // DAY - issued < _PAID_WITHIN_DAYS
    card = np.flatnonzero(may & draws.chance("dispute", _DISPUTED))
    draws = draws.at(card)
    opened_day = cards.charged[card] // DAY + draws.between("dispute/after", 5, 40)
    closed = in_hours(opened_day + draws.between("dispute/lasts", 10, 30), draws, "dispute/closed")
    return Disputes(
        card=card,
        fee=in_currency(np.full(len(card), _FEE), cards.currency[card]),
        reason=draws.below("dispute/reason", 3),
        opened=in_hours(opened_day, draws, "dispute/opened"),
        closed=closed,
        returned=np.where(draws.chance("dispute/won", _WON), closed, NEVER),
        id=stripe_ids(draws, "dispute", "du"),
        balance_id=stripe_ids(draws, "dispute_balance", "txn"),
        return_id=stripe_ids(draws, "dispute_return", "txn"),
    )


def dispute_events(payments: Payments, cards: Cards, of: Disputes) -> list[Event]:
    """A disputed amount is an allowance and its fee an expense; what is won takes the allowance back."""
    payment = cards.payment[of.card]
    amount = cards.amount[of.card]
    whose = ("payment", payments.id.take(pa.array(payment)), cards.org[of.card], cards.currency[of.card])
    serial = payments.draws.serial[payment]
    taken = (("4100", amount), ("6100", of.fee), ("1050", -amount - of.fee))
    given = (("1050", amount), ("4100", -amount))
    return [
        Event(DISPUTED, serial, *whose, of.opened // DAY, of.opened, of.opened, taken),
        Event(DISPUTED, serial + _RETURNED, *whose, of.returned // DAY, of.returned, of.returned, given),
    ]
