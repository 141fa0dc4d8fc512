"""Stripe's payouts: every Monday, per organization and currency, what became available in the week before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tieout.generate.cards import Cards
from tieout.generate.draws import Draws
from tieout.generate.ids import stripe_ids
from tieout.generate.moments import first_day, in_hours, weekday
from tieout.generate.plan import Plan
from tieout.generate.world import CURRENCIES, ORGANIZATIONS

# Journals are named by serials: these are apart from those of documents and of transfers.
_SERIALS = 1 << 42


@dataclass(frozen=True)
class Payouts:
    """One row a payout; amount in minor units, positive. It leaves Stripe at created and arrives two days later."""

    draws: Draws
    id: pa.StringArray
    balance_id: pa.StringArray
    org: np.ndarray
    currency: np.ndarray
    amount: np.ndarray
    created: np.ndarray
    arrival_day: np.ndarray
    arrived: np.ndarray


class Balance:
    """Nets that became available, added up by week while the blocks pass by; weeks begin on Mondays."""

    def __init__(self, plan: Plan, first_month: int, until_day: int) -> None:
        self._plan = plan
        start = max(first_day(first_month), plan.start)
        self._monday = int(start - weekday(start))
        weeks = (until_day - self._monday) // 7 + 2
        self._net = np.zeros((weeks, len(ORGANIZATIONS), len(CURRENCIES)), np.int64)

    def add(self, cards: Cards) -> None:
        """Count in what Stripe's extracts have of these cards."""
        taken = ~cards.failed & cards.in_billing
        self._count(cards, taken, cards.available, cards.amount - cards.fee)
        self._count(cards, taken, cards.refund_available, -cards.amount)

    def _count(self, cards: Cards, rows: np.ndarray, day: np.ndarray, net: np.ndarray) -> None:
        week = (day - self._monday) // 7
        at = np.flatnonzero(rows & (week >= 0) & (week < len(self._net)))
        np.add.at(self._net, (week[at], cards.org[at], cards.currency[at]), net[at])

    def payouts(self) -> Payouts:
        """A payout for each week whose net is positive; a negative week stays in Stripe's balance."""
        week, org, currency = np.nonzero(self._net > 0)
        monday = self._monday + (week + 1) * 7
        serial = _SERIALS + (monday * len(ORGANIZATIONS) + org) * len(CURRENCIES) + currency
        draws = Draws(self._plan.seed, serial)
        created = in_hours(monday, draws, "payout/created")
        arrival = monday + 2
        return Payouts(
            draws=draws,
            id=stripe_ids(draws, "payout", "po"),
            balance_id=stripe_ids(draws, "payout_balance", "txn"),
            org=org,
            currency=currency,
            amount=self._net[week, org, currency],
            created=created,
            arrival_day=arrival,
            arrived=in_hours(arrival, draws, "payout/arrived"),
        )
