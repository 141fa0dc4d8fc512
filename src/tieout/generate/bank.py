"""What the bank books: payments that clear or come back, transfers between own accounts, and Stripe's payouts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tieout.generate.columns import choice, days, money, same
from tieout.generate.documents import Documents
from tieout.generate.draws import Draws
from tieout.generate.ids import uuids
from tieout.generate.ledger import TRANSFER, Event, journals
from tieout.generate.moments import DAY, NEVER, first_day, in_hours, month_of
from tieout.generate.organizations import Organizations
from tieout.generate.parties import Parties
from tieout.generate.payouts import Payouts
from tieout.generate.plan import Plan
from tieout.generate.rows import Rows
from tieout.generate.settlements import Payments
from tieout.generate.world import CODES, CURRENCIES, DIGITS, ORGANIZATIONS

_TRANSFERS_A_MONTH = 3


def payment_transactions(
    organizations: Organizations, parties: Parties, of: Documents, payments: Payments
) -> tuple[Rows, Rows]:
    """Bank payments as the bank books them, and their returns. Card payments reach the bank as payouts."""
    sign = 1 if of.side == "ar" else -1
    cleared = np.flatnonzero(~payments.by_card & ~payments.failed)
    returned = np.flatnonzero(~payments.by_card & (payments.reversed < NEVER))

    def rows(at_payment: np.ndarray, back: bool) -> Rows:
        created = (payments.reversed if back else payments.cleared)[at_payment]
        visible = created if back else np.maximum(created, payments.visible[at_payment])
        day = (payments.reversed_day if back else payments.cleared_day)[at_payment]
        amount = payments.amount[at_payment] * (-sign if back else sign)
        draws = payments.draws.at(at_payment)

        def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
            payment = at_payment[at]
            document = payments.document[payment]
            org, currency = of.org[document], of.currency[document]
            return {
                "id": uuids(draws.at(at), "bank/back" if back else "bank", created[at]),
                "org_id": choice(organizations.id, org),
                "bank_account_id": choice(organizations.bank_id, organizations.bank[org, currency]),
                "payment_id": choice(payments.id, payment),
                "transfer_group_id": pa.nulls(len(at), pa.string()),
                "currency": choice(CODES, currency),
                "amount": money(amount[at], DIGITS[currency]),
                "booked_on": days(day[at]),
                "counterparty": choice(parties.name, of.party[document]),
                "description": choice(of.number, document),
            }

        return Rows("bank_transactions", build, created, visible)

    return rows(cleared, False), rows(returned, True)


def transfers(plan: Plan, organizations: Organizations, since_month: int, until: int) -> list[Rows]:
    """Transfers from each organization's operating account to its reserve: two legs and a journal."""
    first = max(since_month, month_of(plan.start))
    months = np.arange(first, month_of((until - 1) // DAY) + 1, dtype=np.int64)
    count = len(ORGANIZATIONS) * _TRANSFERS_A_MONTH
    month, place = np.repeat(months, count), np.tile(np.arange(count), len(months))
    org = place // _TRANSFERS_A_MONTH
    serial = month * count + place
    starts = np.array([first_day(m) for m in months.tolist()], np.int64).repeat(count)
    day = starts + Draws(plan.seed, serial).below("transfer/day", 28)
    lived = day >= plan.start
    org, serial, day = org[lived], serial[lived], day[lived]
    draws = Draws(plan.seed, serial)
    currency = np.array([o.base for o in ORGANIZATIONS], np.int64)[org]
    fraction = np.array([c.minor_per_cent for c in CURRENCIES], np.int64)[currency]
    cents = draws.between("transfer/thousands", 5, 80) * 100_000
    amount = cents * fraction[:, 0] // fraction[:, 1]
    when = in_hours(day, draws, "transfer/created")
    group = uuids(draws, "transfer_group", when)

    def leg(name: str, account: np.ndarray, signed: np.ndarray, other: str) -> Rows:
        ids = uuids(draws, f"transfer/{name}", when)

        def build(at: np.ndarray, moment: int) -> dict[str, pa.Array]:
            return {
                "id": choice(ids, at),
                "org_id": choice(organizations.id, org[at]),
                "bank_account_id": choice(organizations.bank_id, account[at]),
                "payment_id": pa.nulls(len(at), pa.string()),
                "transfer_group_id": choice(group, at),
                "currency": choice(CODES, currency[at]),
                "amount": money(signed[at], DIGITS[currency[at]]),
                "booked_on": days(day[at]),
                "counterparty": same(other, len(at)),
                "description": same("Internal transfer", len(at)),
            }

        return Rows("bank_transactions", build, when)

    out = leg("out", organizations.bank[org, currency], -amount, "Own reserve account")
    into = leg("in", organizations.reserve[org], amount, "Own operating account")
    lines = (("1010", amount), ("1000", -amount))
    journal = Event(TRANSFER, serial, "transfer", group, org, currency, day, when, when, lines)
    return [out, into, journals(plan, organizations, journal)]


def payout_transactions(plan: Plan, organizations: Organizations, payouts: Payouts) -> list[Rows]:
    """Stripe's payouts as they arrive: one leg, because the other side is not a bank account, and a journal."""
    org, currency, amount = payouts.org, payouts.currency, payouts.amount
    ids = uuids(payouts.draws, "bank/payout", payouts.arrived)

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        return {
            "id": choice(ids, at),
            "org_id": choice(organizations.id, org[at]),
            "bank_account_id": choice(organizations.bank_id, organizations.bank[org[at], currency[at]]),
            "payment_id": pa.nulls(len(at), pa.string()),
            "transfer_group_id": pa.nulls(len(at), pa.string()),
            "currency": choice(CODES, currency[at]),
            "amount": money(amount[at], DIGITS[currency[at]]),
            "booked_on": days(payouts.arrival_day[at]),
            "counterparty": same("Stripe", len(at)),
            "description": choice(payouts.id, at),
        }

    journal = Event(
        TRANSFER,
        payouts.draws.serial,
        "transfer",
        ids,
        org,
        currency,
        payouts.arrival_day,
        payouts.arrived,
        payouts.arrived,
        (("1000", amount), ("1050", -amount)),
    )
    return [Rows("bank_transactions", build, payouts.arrived), journals(plan, organizations, journal)]
