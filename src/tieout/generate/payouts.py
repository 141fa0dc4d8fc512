"""Stripe's payouts: every Monday, per organization and currency, what became available in the week before.

Now and then Stripe's first attempt fails. It held the week's charges and refunds; the payout that arrives is then made
of nothing but what the failed one gave back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tieout.generate.cards import Cards
from tieout.generate.columns import choice
from tieout.generate.draws import Draws
from tieout.generate.ids import stripe_ids
from tieout.generate.moments import DAY, HOUR, NEVER, first_day, in_hours, weekday
from tieout.generate.plan import Plan
from tieout.generate.world import CURRENCIES, ORGANIZATIONS

# Journals are named by serials: these are apart from those of documents and of transfers.
_SERIALS = 1 << 42
# Payouts of 10,000 whose first attempt fails, some hours before the one that arrives.
_FAILED = 200


@dataclass(frozen=True)
class Payouts:
    """One row a payout; amount in minor units, positive. It leaves Stripe at created and arrives two days later.

    A failed one never arrives: its amount is back in the balance at returned, NEVER for the others.
    """

    draws: Draws
    id: pa.StringArray
    balance_id: pa.StringArray
    org: np.ndarray
    currency: np.ndarray
    amount: np.ndarray
    created: np.ndarray
    arrival_day: np.ndarray
    arrived: np.ndarray
    returned: np.ndarray
    return_id: pa.StringArray

    def __len__(self) -> int:
        return len(self.amount)


@dataclass(frozen=True)
class Parts:
    """What payouts are made of: a payout's id and a movement's, from the moment the payout is created."""

    payout_id: pa.Array
    balance_id: pa.Array
    created: np.ndarray


class Balance:
    """Nets that became available, added up by week while the blocks pass by; weeks begin on Mondays."""

    def __init__(self, plan: Plan, first_month: int, until_day: int) -> None:
        self._plan = plan
        start = max(first_day(first_month), plan.start)
        self._monday = int(start - weekday(start))
        weeks = (until_day - self._monday) // 7 + 2
        self._net = np.zeros((weeks, len(ORGANIZATIONS), len(CURRENCIES)), np.int64)
        self._places: list[np.ndarray] = []
        self._ids: list[pa.Array] = []

    def add(self, cards: Cards) -> None:
        """Count in what Stripe's extracts have of these cards."""
        taken = ~cards.failed & cards.in_billing
        self._count(cards, taken, cards.available, cards.amount - cards.fee, cards.balance_id)
        self._count(cards, taken, cards.refund_available, -cards.amount, cards.refund_balance_id)

    def _count(self, cards: Cards, rows: np.ndarray, day: np.ndarray, net: np.ndarray, ids: pa.Array) -> None:
        week = (day - self._monday) // 7
        at = np.flatnonzero(rows & (week >= 0) & (week < len(self._net)))
        place = (week[at], cards.org[at], cards.currency[at])
        np.add.at(self._net, place, net[at])
        self._places.append(np.ravel_multi_index(place, self._net.shape))
        self._ids.append(choice(ids, at))

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
            returned=np.full(len(week), NEVER),
            return_id=pa.nulls(len(week), pa.string()),
        )

    def attempts(self, payouts: Payouts) -> tuple[Payouts, np.ndarray]:
        """The failed attempts, and the positions of the payouts that they were to be; for what payouts() gave."""
        failed = np.flatnonzero(payouts.draws.chance("payout/failed", _FAILED))
        draws = payouts.draws.at(failed)
        created = payouts.created[failed] // DAY * DAY + HOUR + draws.below("attempt/created", HOUR)
        return (
            Payouts(
                draws=draws,
                id=stripe_ids(draws, "attempt", "po"),
                balance_id=stripe_ids(draws, "attempt_balance", "txn"),
                org=payouts.org[failed],
                currency=payouts.currency[failed],
                amount=payouts.amount[failed],
                created=created,
                arrival_day=payouts.arrival_day[failed],
                arrived=np.full(len(failed), NEVER),
                returned=created + 2 * HOUR + draws.below("attempt/returned", HOUR),
                return_id=stripe_ids(draws, "attempt_return", "txn"),
            ),
            failed,
        )

    def parts(self, payouts: Payouts, attempts: Payouts, failed: np.ndarray) -> Parts:
        """What payouts and attempts are made of; movements of a negative week are part of none."""
        week, org, currency = np.nonzero(self._net > 0)
        holder = np.full(self._net.size, -1)
        holder[np.ravel_multi_index((week, org, currency), self._net.shape)] = np.arange(len(week))
        held = holder[np.concatenate([*self._places, np.zeros(0, np.int64)])]
        first = np.arange(len(payouts))
        # Behind the payouts stand the attempts: what a payout was to hold, its failed attempt holds.
        first[failed] = len(payouts) + np.arange(len(attempts))
        paid = np.flatnonzero(held >= 0)
        ids = pa.concat_arrays([pa.array([], pa.string()), *self._ids]).take(pa.array(paid))
        by = np.concatenate([first[held[paid]], failed])
        created = np.concatenate([payouts.created, attempts.created])
        return Parts(
            payout_id=choice(pa.concat_arrays([payouts.id, attempts.id]), by),
            balance_id=pa.concat_arrays([ids, attempts.return_id]),
            created=created[by],
        )
