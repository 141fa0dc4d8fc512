"""What Stripe takes beside charges and refunds, and how the company covers it.

Every four weeks Stripe bills its usage fee, and disputes have taken their amounts. The company then tops up Stripe's
balance by a round sum that covers both, and two days later what is left is paid out: a payout that is made of fees,
disputes, amounts won back and the top-up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tieout.generate.bank import payout_transactions
from tieout.generate.cards import Cards
from tieout.generate.columns import choice, days, money, same
from tieout.generate.disputes import Disputes
from tieout.generate.draws import Draws
from tieout.generate.ids import stripe_ids, uuids
from tieout.generate.ledger import MANUAL, TRANSFER, Event, journals
from tieout.generate.moments import DAY, NEVER, in_hours
from tieout.generate.organizations import Organizations, in_currency
from tieout.generate.payouts import Parts, Payouts
from tieout.generate.plan import Plan
from tieout.generate.rows import Rows
from tieout.generate.stripe import movements, part_rows, payout_rows
from tieout.generate.world import CODES, CURRENCIES, DIGITS, ORGANIZATIONS

_PERIOD = 28
# A Monday: periods begin on Mondays.
_ANCHOR = 4
# Journals and draws of periods are apart from those of documents, transfers and payouts.
_SERIALS = 1 << 43
# The journals of a period's payout, of its top-up and of its fee have serials of their own.
_TOPUP, _FEE = 1 << 47, 1 << 48
_BASE = np.array([o.base for o in ORGANIZATIONS], np.int64)


@dataclass(frozen=True)
class _Periods:
    """One row a period, organization and currency in which something was taken; amounts in minor units.

    taken: by disputes and the fee, less what was won back; fee: zero but in the organization's own currency.
    """

    draws: Draws
    last_day: np.ndarray
    org: np.ndarray
    currency: np.ndarray
    taken: np.ndarray
    fee: np.ndarray


class Buffer:
    """Adds up what disputes took while the blocks pass by."""

    def __init__(self, plan: Plan, first_day: int, until_day: int) -> None:
        self._plan = plan
        self._first = (max(first_day, plan.start) - _ANCHOR) // _PERIOD
        count = (until_day - _ANCHOR) // _PERIOD - self._first + 2
        self._taken = np.zeros((count, len(ORGANIZATIONS), len(CURRENCIES)), np.int64)
        self._touched = np.zeros(self._taken.shape, bool)
        self._places: list[np.ndarray] = []
        self._ids: list[pa.Array] = []

    def add(self, cards: Cards, disputes: Disputes) -> None:
        amount = cards.amount[disputes.card]
        self._count(cards, disputes, disputes.opened, amount + disputes.fee, disputes.balance_id)
        self._count(cards, disputes, disputes.returned, -amount, disputes.return_id)

    def _count(
        self, cards: Cards, disputes: Disputes, moment: np.ndarray, taken: np.ndarray, ids: pa.StringArray
    ) -> None:
        period = (moment // DAY - _ANCHOR) // _PERIOD - self._first
        at = np.flatnonzero((moment < NEVER) & (period >= 0) & (period < len(self._taken)))
        card = disputes.card[at]
        place = (period[at], cards.org[card], cards.currency[card])
        np.add.at(self._taken, place, taken[at])
        self._touched[place] = True
        self._places.append(np.ravel_multi_index(place, self._taken.shape))
        self._ids.append(choice(ids, at))

    def rows(self, organizations: Organizations) -> tuple[list[Rows], Payouts]:
        """The rows of fees, top-ups and payouts, in Stripe, in the bank and in the ledger; and the payouts."""
        of = self._periods()
        fees, topups = self._fees(of), self._topups(of)
        payouts, at = self._payouts(of)
        rows = [
            *fees.rows,
            *topups.rows,
            *self._funding(organizations, of, topups),
            journals(self._plan, organizations, self._fee_event(of, fees)),
            *payout_rows(organizations, payouts, "bank_account"),
            *payout_transactions(self._plan, organizations, payouts),
            part_rows(self._parts(of, payouts, at, fees, topups)),
        ]
        return rows, payouts

    def _periods(self) -> _Periods:
        touched = self._touched.copy()
        period = np.arange(len(touched)) + self._first
        # A fee is billed for whole periods of the company's life.
        billed = period * _PERIOD + _ANCHOR >= self._plan.start
        for org, currency in enumerate(_BASE.tolist()):
            touched[billed, org, currency] = True
        at, org, currency = np.nonzero(touched)
        serial = _SERIALS + ((at + self._first) * len(ORGANIZATIONS) + org) * len(CURRENCIES) + currency
        draws = Draws(self._plan.seed, serial)
        fee = in_currency(draws.between("fee/cents", 2_000, 12_000), currency)
        fee = np.where((currency == _BASE[org]) & billed[at], fee, 0)
        return _Periods(
            draws=draws,
            last_day=(at + self._first + 1) * _PERIOD + _ANCHOR - 1,
            org=org,
            currency=currency,
            taken=self._taken[at, org, currency] + fee,
            fee=fee,
        )

    def _fees(self, of: _Periods) -> _Movements:
        at = np.flatnonzero(of.fee > 0)
        draws = of.draws.at(at)
        created = in_hours(of.last_day[at], draws, "fee/created")
        ids = stripe_ids(draws, "fee", "txn")
        return _Movements.of("stripe_fee", "fee", of, at, ids, None, -of.fee[at], created, '"Billing - Usage Fee"')

    def _topups(self, of: _Periods) -> _Movements:
        at = np.flatnonzero(of.taken > 0)
        draws = of.draws.at(at)
        created = in_hours(of.last_day[at] + 1, draws, "topup/created")
        ids, sources = stripe_ids(draws, "topup_balance", "txn"), stripe_ids(draws, "topup", "tu")
        return _Movements.of("topup", "topup", of, at, ids, sources, _cover(of)[at], created, '"Top-up"')

    def _payouts(self, of: _Periods) -> tuple[Payouts, np.ndarray]:
        left = np.where(of.taken > 0, _cover(of), 0) - of.taken
        at = np.flatnonzero(left > 0)
        draws, day = of.draws.at(at), of.last_day[at] + 3
        return (
            Payouts(
                draws=draws,
                id=stripe_ids(draws, "payout", "po"),
                balance_id=stripe_ids(draws, "payout_balance", "txn"),
                org=of.org[at],
                currency=of.currency[at],
                amount=left[at],
                created=in_hours(day, draws, "payout/created"),
                arrival_day=day + 2,
                arrived=in_hours(day + 2, draws, "payout/arrived"),
                returned=np.full(len(at), NEVER),
                return_id=pa.nulls(len(at), pa.string()),
            ),
            at,
        )

    def _parts(self, of: _Periods, payouts: Payouts, at: np.ndarray, fees: _Movements, topups: _Movements) -> Parts:
        holder = np.full(len(of.org), -1)
        holder[at] = np.arange(len(at))
        by_place = np.full(self._taken.size, -1)
        period = (of.last_day + 1 - _ANCHOR) // _PERIOD - 1 - self._first
        by_place[np.ravel_multi_index((period, of.org, of.currency), self._taken.shape)] = holder
        held = np.concatenate(
            [by_place[np.concatenate([*self._places, np.zeros(0, np.int64)])], holder[fees.at], holder[topups.at]]
        )
        ids = pa.concat_arrays([pa.array([], pa.string()), *self._ids, fees.id, topups.id])
        paid = np.flatnonzero(held >= 0)
        by = held[paid]
        return Parts(choice(payouts.id, by), choice(ids, paid), payouts.created[by])

    def _funding(self, organizations: Organizations, of: _Periods, topups: _Movements) -> list[Rows]:
        """A top-up as the bank books it: one leg, because the other side is not a bank account, and a journal."""
        org, currency = of.org[topups.at], of.currency[topups.at]
        draws, day = of.draws.at(topups.at), topups.created // DAY
        ids = uuids(draws, "bank/topup", topups.created)

        def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
            return {
                "id": choice(ids, at),
                "org_id": choice(organizations.id, org[at]),
                "bank_account_id": choice(organizations.bank_id, organizations.bank[org[at], currency[at]]),
                "payment_id": pa.nulls(len(at), pa.string()),
                "transfer_group_id": pa.nulls(len(at), pa.string()),
                "currency": choice(CODES, currency[at]),
                "amount": money(-topups.amount[at], DIGITS[currency[at]]),
                "booked_on": days(day[at]),
                "counterparty": same("Stripe", len(at)),
                "description": choice(topups.source, at),
            }

        lines = (("1050", topups.amount), ("1000", -topups.amount))
        serial = draws.serial + _TOPUP
        event = Event(TRANSFER, serial, "transfer", ids, org, currency, day, topups.created, topups.created, lines)
        return [Rows("bank_transactions", build, topups.created), journals(self._plan, organizations, event)]

    def _fee_event(self, of: _Periods, fees: _Movements) -> Event:
        """A usage fee's journal has no document in the app."""
        org, currency, created = of.org[fees.at], of.currency[fees.at], fees.created
        lines = (("6100", -fees.amount), ("1050", fees.amount))
        nothing = pa.nulls(len(created), pa.string())
        serial = of.draws.serial[fees.at] + _FEE
        return Event(MANUAL, serial, None, nothing, org, currency, created // DAY, created, created, lines)


@dataclass(frozen=True)
class _Movements:
    """Movements of the balance at positions of the periods."""

    at: np.ndarray
    id: pa.StringArray
    source: pa.Array
    amount: np.ndarray
    created: np.ndarray
    rows: tuple[Rows, ...]

    @classmethod
    def of(
        cls,
        kind: str,
        category: str,
        periods: _Periods,
        at: np.ndarray,
        ids: pa.StringArray,
        sources: pa.StringArray | None,
        amount: np.ndarray,
        created: np.ndarray,
        description: str,
    ) -> _Movements:
        source = pa.nulls(len(at), pa.string()) if sources is None else sources
        rows = movements(
            kind,
            category,
            id=ids,
            source=source,
            currency=periods.currency[at],
            amount=amount,
            fee=np.zeros(len(at), np.int64),
            created=created,
            available=created // DAY,
            description=description,
        )
        return cls(at, ids, source, amount, created, (rows,))


def _cover(of: _Periods) -> np.ndarray:
    """The round sum above what was taken: the next multiple of a hundred dollars' worth."""
    unit = in_currency(np.full(len(of.org), 10_000), of.currency)
    return (of.taken // unit + 1) * unit
