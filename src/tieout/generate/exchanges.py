"""Transfers between currencies: what an organization earned abroad, sold for its own currency at its bank.

Two legs of one group on two accounts, and a journal a leg. Each journal runs over the account for currency exchange, so
that the ledger balances in either currency, and that account holds what was given and taken.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tieout.generate.columns import choice, days, money, same
from tieout.generate.draws import Draws
from tieout.generate.fx import convert, spot
from tieout.generate.ids import uuids
from tieout.generate.ledger import EXCHANGE, Event, journals
from tieout.generate.moments import DAY, first_day, in_hours, month_of, next_working_day
from tieout.generate.organizations import Organizations, in_currency
from tieout.generate.plan import Plan
from tieout.generate.rows import Rows
from tieout.generate.world import CODES, DIGITS, ORGANIZATIONS

# What the bank keeps of the spot rate, per 10,000.
_MARGIN = (10, 60)


def exchanges(plan: Plan, organizations: Organizations, since_month: int, until: int) -> list[Rows]:
    """One a month and organization, of five to forty thousand dollars' worth of its first foreign currency."""
    count = len(ORGANIZATIONS)
    first = max(since_month, month_of(plan.start))
    months = np.arange(first, month_of((until - 1) // DAY) + 1, dtype=np.int64)
    org, month = np.tile(np.arange(count), len(months)), np.repeat(months, count)
    serial = month * count + org
    starts = np.array([first_day(m) for m in months.tolist()], np.int64).repeat(count)
    # On a working day of the same month.
    day = next_working_day(starts + Draws(plan.seed, serial).below("exchange/day", 26))
    lived = day >= plan.start
    org, serial, day = org[lived], serial[lived], day[lived]

    draws = Draws(plan.seed, serial)
    sold = np.array([o.foreign[0] for o in ORGANIZATIONS], np.int64)[org]
    bought = np.array([o.base for o in ORGANIZATIONS], np.int64)[org]
    given = in_currency(draws.between("exchange/thousands", 5, 40) * 100_000, sold)
    rate = spot(plan.seed, sold, bought, day) * (10_000 - draws.between("exchange/margin", *_MARGIN)) // 10_000
    taken = convert(given, DIGITS[sold], DIGITS[bought], rate)
    when = in_hours(day, draws, "exchange/created")
    group = uuids(draws, "exchange_group", when)

    def leg(number: int, currency: np.ndarray, other: np.ndarray, signed: np.ndarray) -> list[Rows]:
        ids = uuids(draws, f"exchange/{number}", when)

        def build(at: np.ndarray, moment: int) -> dict[str, pa.Array]:
            return {
                "id": choice(ids, at),
                "org_id": choice(organizations.id, org[at]),
                "bank_account_id": choice(organizations.bank_id, organizations.bank[org[at], currency[at]]),
                "payment_id": pa.nulls(len(at), pa.string()),
                "transfer_group_id": choice(group, at),
                "currency": choice(CODES, currency[at]),
                "amount": money(signed[at], DIGITS[currency[at]]),
                "booked_on": days(day[at]),
                "counterparty": choice([f"Own {code} account" for code in CODES], other[at]),
                "description": same("Currency exchange", len(at)),
            }

        lines = (("1000", signed), ("1060", -signed))
        event = Event(EXCHANGE, serial * 2 + number, "transfer", group, org, currency, day, when, when, lines)
        return [Rows("bank_transactions", build, when), journals(plan, organizations, event)]

    return [*leg(0, sold, bought, -given), *leg(1, bought, sold, taken)]
