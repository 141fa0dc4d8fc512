"""Suppliers with habits, for a company that anomalies are put into: a usual to stand out from.

The drawn suppliers have none: their amounts are drawn alike for everyone. A regular one bills twice a month, about the
same each time, and is paid two weeks later. Those who are new on purpose join in the month of their first bill.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tieout.generate.draws import Draws
from tieout.generate.ids import numbered, uuids
from tieout.generate.made_to_order import Order
from tieout.generate.moments import DAY, HOUR, NEVER, first_day, next_working_day
from tieout.generate.names import names
from tieout.generate.organizations import in_currency
from tieout.generate.parties import PROMPT, Parties
from tieout.generate.plan import MONTH_DOCUMENTS, SERIAL_PARTS, Plan
from tieout.generate.world import ORGANIZATIONS, SPENDING

REGULARS = 4
COUNT = REGULARS * len(ORGANIZATIONS)
# Serials, one range each and a month, apart from the drawn documents' (1 and 2): see Plan.blocks.
CHANCES, PARTIES, BILLS = 3, 4, 5
_TERMS = 14


@dataclass(frozen=True)
class Chance:
    """Draws of one thing, as plain integers."""

    seed: int
    serial: int

    def between(self, stream: str, low: int, high: int) -> int:
        """An integer in [low, high]."""
        draws = Draws(self.seed, np.array([self.serial], np.int64))
        return int(draws.between(f"anomaly/{stream}", low, high)[0])


def serial_of(side: int, month: int) -> int:
    """The first serial of a range."""
    return (side * 65_536 + month) * MONTH_DOCUMENTS * SERIAL_PARTS


def minor(cents: int, currency: int) -> int:
    """US cents as minor units of ``currency``."""
    return int(in_currency(np.array([cents], np.int64), np.array([currency], np.int64))[0])


def working(day: int) -> int:
    """The day itself, or the Monday after it when it falls on a weekend."""
    return int(next_working_day(np.array([day], np.int64))[0])


def regulars(plan: Plan, newcomers: list[tuple[int, int]]) -> Parties:
    """The regular suppliers, REGULARS an organization, then ``newcomers``: (organization, day of joining) each."""
    org = np.array([*np.repeat(range(len(ORGANIZATIONS)), REGULARS), *(o for o, _ in newcomers)], np.int64)
    day = np.array([*[plan.start] * COUNT, *(day for _, day in newcomers)], np.int64)
    n = len(org)
    draws = Draws(plan.seed, serial_of(PARTIES, 0) + np.arange(n, dtype=np.int64))
    created = day * DAY + 5 * HOUR
    pool = names(plan.seed).parties
    drawn = draws.below("party/name", len(pool[0])).tolist()
    # A word behind, so that none has a drawn supplier's name.
    ending = ["Services"] * COUNT + ["Trading"] * len(newcomers)
    name = pa.array([f"{pool[o][at]} {end}" for o, at, end in zip(org.tolist(), drawn, ending, strict=True)])
    no_mail = pa.nulls(n, pa.string())
    return Parties(
        side="ap",
        id=uuids(draws, "party", created),
        number=numbered("S", (np.arange(n) + 9_000_001, 7)),
        name=name,
        renamed_name=name,
        email=no_mail,
        renamed_email=no_mail,
        org=org,
        currency=np.array([o.base for o in ORGANIZATIONS], np.int64)[org],
        terms=np.full(n, _TERMS),
        habit=np.full(n, PROMPT),
        by_card=np.zeros(n, bool),
        created=created,
        renamed=np.full(n, NEVER),
    )


def usual_amount(plan: Plan, parties: Parties, party: int) -> int:
    """What a regular supplier's bill is about, in minor units."""
    cents = Chance(plan.seed, serial_of(CHANCES, 0) + party).between("usual", 80_000, 900_000)
    return minor(cents, int(parties.currency[party]))


def regular_bills(plan: Plan, parties: Parties, month: int) -> list[Order]:
    """The regular suppliers' bills of a month, each within 15 per cent of its supplier's usual."""
    orders = []
    for party in range(COUNT):
        for half in range(2):
            chance = Chance(plan.seed, serial_of(CHANCES, month) + party * 2 + half)
            day = first_day(month) + party % 12 + 14 * half
            if day < plan.start:
                continue
            total = usual_amount(plan, parties, party) * chance.between("habit", 8_500, 11_500) // 10_000
            total += chance.between("cents", 1, 99)
            paid = working(day + chance.between("paid_after", 12, 16))
            orders.append(Order(party, total, day, day + _TERMS, ((total, paid),), ledger=party % len(SPENDING)))
    return orders
