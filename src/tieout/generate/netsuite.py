"""NetSuite's extracts: SuiteAnalytics records with their own column names, T and F, and its way with dates.

What NetSuite has is the receipts of card payments (with Stripe's charge id as externalid) and of bank payments
(without one), refunds, the deposits of Stripe's payouts (with the payout's id), and the lists they refer to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.generate import faults
from tieout.generate.cards import Cards
from tieout.generate.columns import choice, money, rate, same
from tieout.generate.documents import Documents
from tieout.generate.fx import convert, dollar_value, spot
from tieout.generate.ids import numbered
from tieout.generate.moments import DAY, HOUR, NEVER, first_day, month_of, to_date
from tieout.generate.parties import Parties
from tieout.generate.payouts import Payouts
from tieout.generate.plan import MONTH_DOCUMENTS, SERIAL_PARTS, Plan
from tieout.generate.rows import Rows
from tieout.generate.settlements import Payments
from tieout.generate.world import ACCOUNT, CHART, CODES, CURRENCIES, DIGITS, ORGANIZATIONS, USD

TRANSACTION, LINE, ACCOUNTING_LINE, ACCOUNTS, SUBSIDIARY, CURRENCY, PERIOD, CUSTOMER = (
    f"netsuite/{entity}"
    for entity in (
        "transaction",
        "transactionline",
        "transactionaccountingline",
        "account",
        "subsidiary",
        "currency",
        "accountingperiod",
        "customer",
    )
)
_SECOND = 1_000_000
_PRIMARY_BOOK = 1
# How each type of transaction is numbered.
_NUMBERED = {"CustPymt": "PYMT", "CustRfnd": "RFND", "Deposit": "DEP"}
# Of 10,000 payouts: not deposited, deposited with another amount, deposited twice.
_UNDEPOSITED, _OFF, _TWICE = 150, 100, 80
PAYOUT_FAULTS = ("", "payout_missing_in_erp", "payout_amount", "payout_duplicate_in_erp")
# Internal ids begin above those that NetSuite keeps for itself.
_ACCOUNTS_FROM, _CUSTOMERS_FROM = 200, 1_000
_ID_PARTS = 16
# Other transactions of a payment, told apart in their ids.
DUPLICATE, REFUND = 8, 5
_FIRST_MONTH = 2000 * 12
_MINUTES = [f"{value:02d}" for value in range(60)]
_HOURS = [str(value) for value in range(24)]
_NETSUITE_CURRENCY = np.array([c.netsuite_id for c in CURRENCIES], np.int64)
_BASE = np.array([o.base for o in ORGANIZATIONS], np.int64)


@dataclass(frozen=True)
class Entries:
    """Transactions of two lines each, the main line and its other side; amounts in minor units of currency.

    amount: what the main line debits; what it credits is below zero.
    customer: None for transactions with no one.
    """

    type: str
    id: np.ndarray
    external_id: pa.Array
    org: np.ndarray
    customer: np.ndarray | None
    currency: np.ndarray
    amount: np.ndarray
    created: np.ndarray
    main_account: np.ndarray
    other_account: np.ndarray
    memo: pa.Array

    def rows(self, plan: Plan) -> tuple[Rows, Rows, Rows]:
        """Headers, lines and accounting lines."""
        day = self.created // DAY
        period = _period_ids(day)
        base = _BASE[self.org]
        base_digits = DIGITS[base]
        rates = spot(plan.seed, self.currency, base, day)
        in_base = convert(self.amount, DIGITS[self.currency], base_digits, rates)
        n = len(self.id)
        # Line 0 is the main line, line 1 its other side.
        of, number = np.repeat(np.arange(n), 2), np.tile(np.array([0, 1]), n)
        sign = 1 - 2 * number
        number_text = numbered(_NUMBERED[self.type], (self.id % 10**10, 10))
        entity = pa.nulls(n, pa.int64()) if self.customer is None else pa.array(_CUSTOMERS_FROM + self.customer)

        def headers(at: np.ndarray, until: int) -> dict[str, pa.Array]:
            return {
                "id": pa.array(self.id[at]),
                "externalid": choice(self.external_id, at),
                "transactionnumber": choice(number_text, at),
                "type": same(self.type, len(at)),
                "status": same("C", len(at)),
                "memo": choice(self.memo, at),
                "currency": pa.array(_NETSUITE_CURRENCY[self.currency[at]]),
                "entity": entity.take(pa.array(at)),
                "postingperiod": pa.array(period[at]),
                "posting": same("T", len(at)),
                "trandate": stamp(day[at] * DAY),
                "createddate": stamp(self.created[at]),
                "duedate": pa.nulls(len(at), pa.string()),
                "closedate": stamp(day[at] * DAY),
            }

        def lines(at: np.ndarray, until: int) -> dict[str, pa.Array]:
            row, main = of[at], number[at] == 0
            return {
                "transaction": pa.array(self.id[row]),
                "id": pa.array(number[at]),
                "mainline": _letter(main),
                "taxline": same("F", len(at)),
                "subsidiary": pa.array(self.org[row] + 1),
                "entity": entity.take(pa.array(row)),
                "item": pa.nulls(len(at), pa.int64()),
                "foreignamount": money(self.amount[row] * sign[at], DIGITS[self.currency[row]]),
                "netamount": money(in_base[row] * sign[at], base_digits[row]),
                "memo": choice(self.memo, row),
                "linelastmodifieddate": stamp(self.created[row]),
            }

        def accounting_lines(at: np.ndarray, until: int) -> dict[str, pa.Array]:
            row, main = of[at], number[at] == 0
            signed, digits = in_base[row] * sign[at], base_digits[row]
            account = np.where(main, self.main_account[row], self.other_account[row])
            nothing = pa.scalar(None, pa.decimal128(19, 4))
            size = money(np.abs(signed), digits)
            debit = pa.array(signed > 0)
            return {
                "transaction": pa.array(self.id[row]),
                "transactionline": pa.array(number[at]),
                "accountingbook": pa.array(np.full(len(at), _PRIMARY_BOOK)),
                "account": pa.array(_ACCOUNTS_FROM + account),
                "amount": money(signed, digits),
                "debit": pc.if_else(debit, size, nothing),
                "credit": pc.if_else(debit, nothing, size),
                "netamount": money(signed, digits),
                "exchangerate": rate(rates[row]),
                "posting": same("T", len(at)),
            }

        return (
            Rows(TRANSACTION, headers, self.created, stamped=False),
            Rows(LINE, lines, self.created[of], stamped=False),
            Rows(ACCOUNTING_LINE, accounting_lines, self.created[of], stamped=False),
        )


def transaction_ids(payments: Payments, at: np.ndarray, part: int | np.ndarray = 0) -> np.ndarray:
    """int64[n]: internal ids of the transactions of payments ``at``; ``part`` tells apart several of one payment."""
    serial = payments.draws.serial[at]
    slot, number = serial % SERIAL_PARTS, serial // SERIAL_PARTS % MONTH_DOCUMENTS
    month = serial // SERIAL_PARTS // MONTH_DOCUMENTS % 65_536 - _FIRST_MONTH
    return (month * MONTH_DOCUMENTS + number) * _ID_PARTS + slot + part


def card_receipts(of: Documents, payments: Payments, cards: Cards) -> Entries:
    """Receipts of card payments with their faults; a duplicate is one more receipt of the same externalid."""
    taken = np.flatnonzero(cards.in_erp)
    twice = taken[cards.fault[taken] == faults.DUPLICATE_IN_ERP]
    card = np.concatenate([taken, twice])
    copy = np.arange(len(card)) >= len(taken)
    payment = cards.payment[card]
    document = payments.document[payment]
    draws = payments.draws.at(payment)
    fault, currency, amount = cards.fault[card], cards.currency[card], cards.amount[card]
    # Off by one minor unit: 0.01 where the currency has cents.
    off = np.where((draws.below("fault/side", 2) == 0) | (amount == 1), 1, -1)
    other = (currency + 1 + draws.below("fault/currency", len(CURRENCIES) - 1)) % len(CURRENCIES)
    wrong = fault == faults.CURRENCY
    written = np.where(wrong, other, currency)
    # The digits stay as they were typed; where the other currency has fewer, the amount is cut to what it can hold.
    shift = DIGITS[written] - DIGITS[currency]
    typed = np.where(shift >= 0, amount * 10 ** np.maximum(shift, 0), amount // 10 ** np.maximum(-shift, 0))
    amount = np.where(wrong, np.maximum(typed, 1), amount + np.where(fault == faults.AMOUNT, off, 0))
    return Entries(
        type="CustPymt",
        id=transaction_ids(payments, payment, np.where(copy, DUPLICATE, 0)),
        external_id=choice(cards.id, card),
        org=cards.org[card],
        customer=of.party[document],
        currency=written,
        amount=amount,
        created=cards.posted[card] + np.where(copy, 20 * 60 * _SECOND, 0),
        main_account=np.full(len(card), ACCOUNT["1050"]),
        other_account=np.full(len(card), ACCOUNT["1200"]),
        memo=choice(of.number, document),
    )


def card_refunds(of: Documents, payments: Payments, cards: Cards) -> Entries:
    """Refunds of the card payments that NetSuite has, an hour after Stripe's; the account that pays is credited."""
    card = np.flatnonzero(cards.in_erp & (cards.refunded < NEVER))
    payment = cards.payment[card]
    document = payments.document[payment]
    return Entries(
        type="CustRfnd",
        id=transaction_ids(payments, payment, REFUND),
        external_id=choice(cards.refund_id, card),
        org=cards.org[card],
        customer=of.party[document],
        currency=cards.currency[card],
        amount=-cards.amount[card],
        created=cards.refunded[card] + HOUR,
        main_account=np.full(len(card), ACCOUNT["1050"]),
        other_account=np.full(len(card), ACCOUNT["1200"]),
        memo=choice(of.number, document),
    )


def bank_receipts(of: Documents, payments: Payments) -> Entries:
    """Receipts of bank payments, entered by hand and without an external id."""
    payment = np.flatnonzero(~payments.by_card & ~payments.failed)
    document = payments.document[payment]
    return Entries(
        type="CustPymt",
        id=transaction_ids(payments, payment),
        external_id=pa.nulls(len(payment), pa.string()),
        org=of.org[document],
        customer=of.party[document],
        currency=of.currency[document],
        amount=payments.amount[payment],
        created=np.maximum(payments.cleared, payments.visible)[payment] + HOUR,
        main_account=np.full(len(payment), ACCOUNT["1000"]),
        other_account=np.full(len(payment), ACCOUNT["1200"]),
        memo=choice(of.number, document),
    )


def payout_faults(payouts: Payouts) -> np.ndarray:
    """int64[n]: what is wrong with each payout's deposit, a position in PAYOUT_FAULTS."""
    return payouts.draws.pick("deposit/fault", [10_000 - _UNDEPOSITED - _OFF - _TWICE, _UNDEPOSITED, _OFF, _TWICE])


def payout_deposits(payouts: Payouts) -> Entries:
    """Deposits of the payouts that arrive, some hours after the bank, with their faults."""
    fault = payout_faults(payouts)
    taken = np.flatnonzero((payouts.arrived < NEVER) & (fault != 1))
    twice = taken[fault[taken] == 3]
    payout = np.concatenate([taken, twice])
    copy = np.arange(len(payout)) >= len(taken)
    draws = payouts.draws.at(payout)
    return Entries(
        type="Deposit",
        id=draws.serial * 2 + copy,
        external_id=choice(payouts.id, payout),
        org=payouts.org[payout],
        customer=None,
        currency=payouts.currency[payout],
        amount=payouts.amount[payout] + (fault[payout] == 2),
        created=payouts.arrived[payout] + draws.between("deposit/lag", HOUR, 3 * HOUR) + np.where(copy, HOUR // 2, 0),
        main_account=np.full(len(payout), ACCOUNT["1000"]),
        other_account=np.full(len(payout), ACCOUNT["1050"]),
        memo=choice(payouts.id, payout),
    )


def lists(plan: Plan, customers: Parties, until: int) -> list[Rows]:
    """Accounts, subsidiaries, currencies, accounting periods and customers."""
    start = plan.start * DAY + HOUR

    def accounts(at: np.ndarray, moment: int) -> dict[str, pa.Array]:
        return {
            "id": pa.array(_ACCOUNTS_FROM + at),
            "acctnumber": choice([a.code for a in CHART], at),
            "accttype": choice([a.netsuite_type for a in CHART], at),
            "fullname": choice([a.name for a in CHART], at),
            "parent": pa.nulls(len(at), pa.int64()),
            "isinactive": same("F", len(at)),
            "lastmodifieddate": stamp(np.full(len(at), start)),
        }

    def subsidiaries(at: np.ndarray, moment: int) -> dict[str, pa.Array]:
        name = choice([o.suffix for o in ORGANIZATIONS], at)
        return {
            "id": pa.array(at + 1),
            "name": name,
            "fullname": name,
            "country": choice([o.country for o in ORGANIZATIONS], at),
            "currency": pa.array(_NETSUITE_CURRENCY[_BASE[at]]),
            "parent": pa.array(np.ones(len(at), np.int64), mask=at == 0),
            "iselimination": same("F", len(at)),
            "lastmodifieddate": stamp(np.full(len(at), start)),
        }

    def currencies(at: np.ndarray, moment: int) -> dict[str, pa.Array]:
        values = np.array(
            [dollar_value(plan.seed, position, np.array([plan.start]))[0] for position in at.tolist()], np.int64
        )
        return {
            "id": pa.array(_NETSUITE_CURRENCY[at]),
            "symbol": choice(CODES, at),
            "name": choice([c.name for c in CURRENCIES], at),
            "currencyprecision": pa.array(DIGITS[at]),
            "isbasecurrency": _letter(at == USD),
            "exchangerate": rate(values),
            "lastmodifieddate": stamp(np.full(len(at), start)),
        }

    def people(at: np.ndarray, moment: int) -> dict[str, pa.Array]:
        now = customers.renamed[at] < moment
        name = pc.if_else(pa.array(now), choice(customers.renamed_name, at), choice(customers.name, at))
        mail = pc.if_else(pa.array(now), choice(customers.renamed_email, at), choice(customers.email, at))
        return {
            "id": pa.array(_CUSTOMERS_FROM + at),
            "entityid": pc.binary_join_element_wise(choice(customers.number, at), name, " "),
            "companyname": name,
            "email": mail,
            "currency": pa.array(_NETSUITE_CURRENCY[customers.currency[at]]),
            "externalid": choice(customers.id, at),
            "isperson": same("F", len(at)),
            "isinactive": same("F", len(at)),
            "datecreated": stamp(customers.created[at]),
            "lastmodifieddate": stamp(np.where(now, customers.renamed[at], customers.created[at])),
        }

    def at_start(name: str, build: object, count: int) -> Rows:
        return Rows(name, build, np.full(count, start), stamped=False)

    return [
        at_start(CURRENCY, currencies, len(CURRENCIES)),
        at_start(SUBSIDIARY, subsidiaries, len(ORGANIZATIONS)),
        at_start(ACCOUNTS, accounts, len(CHART)),
        _periods(plan, until),
        Rows(CUSTOMER, people, customers.created, changes=(customers.renamed,), stamped=False),
    ]


def _period_ids(day: np.ndarray) -> np.ndarray:
    unique, position = np.unique(day, return_inverse=True)
    return np.array([month_of(on) for on in unique.tolist()], np.int64)[position]


def _periods(plan: Plan, until: int) -> Rows:
    """A period a month, opened on the month's first day (those before the company's start with it)."""
    first = month_of(plan.start) // 12 * 12
    months = np.arange(first, month_of((until - 1) // DAY) + 2, dtype=np.int64)
    starts = np.array([first_day(m) for m in months.tolist()], np.int64)
    ends = np.array([first_day(m + 1) - 1 for m in months.tolist()], np.int64)
    created = np.maximum(starts, plan.start) * DAY + HOUR
    # Books close on the tenth day of the next month, except where that was before the company's start.
    closed = np.maximum(ends + 10, plan.start) * DAY + 2 * HOUR

    def build(at: np.ndarray, moment: int) -> dict[str, pa.Array]:
        done = closed[at] < moment
        return {
            "id": pa.array(months[at]),
            "periodname": pa.array([to_date(d).strftime("%b %Y") for d in starts[at].tolist()], pa.string()),
            "startdate": stamp(starts[at] * DAY),
            "enddate": stamp(ends[at] * DAY),
            "closed": _letter(done),
            "isquarter": same("F", len(at)),
            "isyear": same("F", len(at)),
            "isadjust": same("F", len(at)),
            "lastmodifieddate": stamp(np.where(done, closed[at], created[at])),
        }

    return Rows(PERIOD, build, created, changes=(closed,), stamped=False)


def stamp(microseconds: np.ndarray) -> pa.Array:
    """Moments as NetSuite's connector writes them, to the second: 2026-11-20 0:00:00, 2026-11-20 14:05:09."""
    seconds = microseconds // _SECOND
    days, of_day = np.divmod(seconds, 86_400)
    unique, position = np.unique(days, return_inverse=True)
    dates = [to_date(day).isoformat() for day in unique.tolist()]
    clock = (
        choice(_HOURS, of_day // 3600),
        choice(_MINUTES, of_day // 60 % 60),
        choice(_MINUTES, of_day % 60),
    )
    date_text = choice(dates or [""], position)
    return pc.binary_join_element_wise(date_text, " ", clock[0], ":", clock[1], ":", clock[2], "")


def _letter(values: np.ndarray) -> pa.Array:
    return choice(["F", "T"], values.astype(np.int64))
