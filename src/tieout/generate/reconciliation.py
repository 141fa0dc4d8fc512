"""Both sides of card payments for a reconciliation of any size: what Stripe and NetSuite say of the same charges.

An item is a charge, or the refund of one that was made before. Both sides have it and agree, but for the items that a
fault was put into: each fault is of one kind, an item has at most one, and their numbers are exact. Everything else
stays within what the rules allow, to the very edge of it: one item in a thousand is posted exactly 24 hours after it
was made, which is no difference.

Rows come in blocks; a block depends on the seed, the day and its own numbers alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.errors import TieoutError
from tieout.generate.columns import choice, flags, money, same
from tieout.generate.draws import Draws
from tieout.generate.ids import stripe_ids
from tieout.generate.moments import day_number
from tieout.generate.organizations import in_currency
from tieout.generate.world import AMOUNTS, CODES, CURRENCIES, DIGITS

BALANCE, CHARGES, REFUNDS = (f"stripe/{name}" for name in ("balance_transactions", "charges", "refunds"))
TRANSACTION, LINE = "netsuite/transaction", "netsuite/transactionline"
CURRENCY, SUBSIDIARY = "netsuite/currency", "netsuite/subsidiary"
ENTITIES = (BALANCE, CHARGES, REFUNDS, TRANSACTION, LINE, CURRENCY, SUBSIDIARY)

# The statuses that fact_reconciliation gives, a fault being a position here.
STATUSES = (
    "perfect_match",
    "missing_in_erp",
    "missing_in_billing",
    "amount_mismatch",
    "timing_difference",
    "duplicate_in_erp",
    "metadata_mismatch",
    "currency_mismatch",
)
(_NONE, MISSING_IN_ERP, MISSING_IN_BILLING, AMOUNT, TIMING, DUPLICATE, METADATA, _CURRENCY) = range(len(STATUSES))

MOST_ROWS = 10_000_000
SEEDS = 10_000
# NetSuite's ids: a span for every day and seed, above those of a generated company and below 2^53, which is where
# programs that know no whole numbers begin to lose digits. The second half of a span is for duplicates.
_FIRST_DAY, _DAYS = date(2000, 1, 1), 20_000
_IDS_FROM, _SPAN = 4_000_000_000_000_000, 2 * MOST_ROWS
_DAY_SECONDS = 86_400
# Of 10,000 items.
_REFUNDED, _ON_THE_EDGE = 500, 10


class ReconciliationError(TieoutError):
    """What was asked for cannot be made; nothing was written."""


@dataclass(frozen=True)
class Faults:
    """How many items get which fault. missing: half of them (rounded up) are not in the ERP, half not in billing."""

    missing: int = 0
    mismatch: int = 0
    drift: int = 0
    duplicates: int = 0
    metadata: int = 0
    currency: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, field.name) for field in fields(self))

    def by_status(self) -> dict[int, int]:
        """{position in STATUSES: how many}."""
        return {
            MISSING_IN_ERP: self.missing - self.missing // 2,
            MISSING_IN_BILLING: self.missing // 2,
            AMOUNT: self.mismatch,
            TIMING: self.drift,
            DUPLICATE: self.duplicates,
            METADATA: self.metadata,
            _CURRENCY: self.currency,
        }


@dataclass(frozen=True)
class Request:
    """What is to be made. rows: items; batch: items of a file; day: of the delivery, and of the run that takes it."""

    rows: int
    batch: int
    seed: int
    day: date
    faults: Faults

    def check(self) -> Request:
        """Itself. Raises ReconciliationError for what cannot be."""
        for name, value, least in (("--rows", self.rows, 1), ("--batch", self.batch, 1), ("--seed", self.seed, 0)):
            if value < least:
                raise ReconciliationError(f"{name} is {value}: give at least {least}")
        for field in fields(self.faults):
            if (value := getattr(self.faults, field.name)) < 0:
                raise ReconciliationError(f"--{field.name} is {value}: give 0 or more")
        if self.rows > MOST_ROWS:
            raise ReconciliationError(
                f"--rows {self.rows:,} is more than {MOST_ROWS:,}: deliver on several days, or with several seeds"
            )
        if self.seed >= SEEDS:
            raise ReconciliationError(
                f"--seed is {self.seed}: give 0 to {SEEDS - 1}, NetSuite's ids have room for those"
            )
        if self.faults.total > self.rows:
            raise ReconciliationError(
                f"{self.faults.total:,} faults do not fit {self.rows:,} rows, as a row has one at most: "
                "ask for more --rows or fewer faults"
            )
        if not 0 <= (self.day - _FIRST_DAY).days < _DAYS:
            raise ReconciliationError(f"--date is {self.day}: give a day from {_FIRST_DAY} to about 2054")
        return self


@dataclass(frozen=True)
class Company:
    """An organization that takes cards. subsidiary: its NetSuite id; currencies: positions in CURRENCIES."""

    id: str
    name: str
    country: str
    subsidiary: int
    base: int
    currencies: tuple[int, ...]


@dataclass(frozen=True)
class Items:
    """All items of a request, drawn a block at a time."""

    request: Request
    companies: Sequence[Company]

    @cached_property
    def fault(self) -> np.ndarray:
        """int8[rows]: each item's position in STATUSES."""
        # A random order of all items; each fault takes the next so many of it.
        order = np.argsort(self._draws(np.arange(self.request.rows)).bits("fault"), kind="stable")
        fault = np.full(self.request.rows, _NONE, np.int8)
        start = 0
        for status, count in self.request.faults.by_status().items():
            fault[order[start : start + count]] = status
            start += count
        return fault

    def block(self, start: int) -> Block:
        """The items from `start` on, a file's worth."""
        serial = np.arange(start, min(start + self.request.batch, self.request.rows), dtype=np.int64)
        return Block(self, serial, self._draws(serial))

    def _draws(self, serial: np.ndarray) -> Draws:
        # The day is part of what is drawn from, so that another day of the same seed has charges of its own.
        return Draws(self.request.seed, serial + day_number(self.request.day) * MOST_ROWS)

    @cached_property
    def first_id(self) -> int:
        """NetSuite's id of the first item."""
        span = self.request.seed * _DAYS + (self.request.day - _FIRST_DAY).days
        return _IDS_FROM + span * _SPAN

    def lists(self) -> dict[str, pa.Table]:
        """The currencies and subsidiaries that the transactions refer to."""
        n, companies = len(CURRENCIES), self.companies
        currencies = {
            "id": pa.array([c.netsuite_id for c in CURRENCIES], pa.int64()),
            "symbol": pa.array(CODES),
            "name": pa.array([c.name for c in CURRENCIES]),
            "currencyprecision": pa.array([c.minor_unit for c in CURRENCIES], pa.int64()),
            "isbasecurrency": pa.array([any(o.base == at for o in companies) for at in range(n)]),
            "exchangerate": pa.nulls(n, pa.decimal128(20, 10)),
            "lastmodifieddate": pa.nulls(n, pa.timestamp("us")),
        }
        count = len(companies)
        subsidiaries = {
            "id": pa.array([o.subsidiary for o in companies], pa.int64()),
            "name": pa.array([o.name for o in companies]),
            "fullname": pa.array([o.name for o in companies]),
            "country": pa.array([o.country for o in companies]),
            "currency": pa.array([CURRENCIES[o.base].netsuite_id for o in companies], pa.int64()),
            "parent": pa.nulls(count, pa.int64()),
            "iselimination": flags(np.zeros(count, bool)),
            "lastmodifieddate": pa.nulls(count, pa.timestamp("us")),
        }
        return {CURRENCY: pa.table(currencies), SUBSIDIARY: pa.table(subsidiaries)}


@dataclass(frozen=True)
class Block:
    """Consecutive items with everything that is drawn of them; arrays are by item. Moments are seconds since 1970."""

    items: Items
    serial: np.ndarray
    draws: Draws

    @cached_property
    def fault(self) -> np.ndarray:
        return self.items.fault[self.serial]

    @cached_property
    def _place(self) -> tuple[np.ndarray, np.ndarray]:
        """Position of the company, and of the currency in CURRENCIES."""
        companies = self.items.companies
        pairs = np.array([(at, currency) for at, o in enumerate(companies) for currency in o.currencies], np.int64)
        chosen = pairs[self.draws.below("company", len(pairs))]
        return chosen[:, 0], chosen[:, 1]

    @cached_property
    def refund(self) -> np.ndarray:
        """bool[n]: whether it is a refund."""
        return self.draws.chance("refund", _REFUNDED)

    @cached_property
    def charge_id(self) -> pa.StringArray:
        """Of the charge that it is, or that it refunds."""
        return stripe_ids(self.draws, "charge", "ch")

    @cached_property
    def source_id(self) -> pa.StringArray:
        return pc.if_else(pa.array(self.refund), stripe_ids(self.draws, "refund", "re"), self.charge_id)

    @cached_property
    def balance_id(self) -> pa.StringArray:
        return stripe_ids(self.draws, "balance", "txn")

    @cached_property
    def transaction_id(self) -> np.ndarray:
        return self.items.first_id + self.serial

    @cached_property
    def amount(self) -> np.ndarray:
        """Minor units of the item's currency without its sign, at least 20."""
        bands = np.array(AMOUNTS, np.int64)[self.draws.pick("band", [weight for _, _, weight in AMOUNTS])]
        return in_currency(self.draws.between("amount", bands[:, 0], bands[:, 1] - 1), self._place[1])

    @cached_property
    def sign(self) -> np.ndarray:
        return np.where(self.refund, -1, 1)

    @cached_property
    def created(self) -> np.ndarray:
        """Within the fourth and third day before the delivery, so that even the latest posting is before it."""
        first = (day_number(self.items.request.day) - 4) * _DAY_SECONDS
        return first + self.draws.below("created", 2 * _DAY_SECONDS)

    @cached_property
    def posted(self) -> np.ndarray:
        """Within 24 hours; with the fault `timing_difference` a second to a day later than that."""
        delay = self.draws.between("posted", 60, _DAY_SECONDS)
        delay = np.where(self.draws.chance("posted/edge", _ON_THE_EDGE), _DAY_SECONDS, delay)
        late = self.draws.between("posted/late", 1, _DAY_SECONDS)
        return self.created + np.where(self.fault == TIMING, _DAY_SECONDS + late, delay)

    @cached_property
    def _booked(self) -> tuple[np.ndarray, np.ndarray]:
        """Currency and amount, without its sign, as the ERP has them."""
        currency, amount = self._place[1], self.amount
        # One minor unit more, one less, or the last digit forgotten.
        kind = self.draws.below("off/kind", 3)
        off = np.choose(kind, [amount + 1, amount - 1, amount // 10])
        other = (currency + 1 + self.draws.below("off/currency", len(CURRENCIES) - 1)) % len(CURRENCIES)
        wrong = self.fault == _CURRENCY
        # The digits stay as they were typed; where the other currency has fewer, the amount is cut to what it holds.
        shift = DIGITS[other] - DIGITS[currency]
        typed = np.where(shift >= 0, amount * 10 ** np.maximum(shift, 0), amount // 10 ** np.maximum(-shift, 0))
        booked = np.where(self.fault == AMOUNT, off, np.where(wrong, np.maximum(typed, 1), amount))
        return np.where(wrong, other, currency), booked

    def tables(self) -> dict[str, pa.Table]:
        """{entity: rows} in the columns of config/sources."""
        receipts, lines = self._receipts()
        return {
            BALANCE: self._balance(),
            CHARGES: self._charges(),
            REFUNDS: self._refunds(),
            TRANSACTION: receipts,
            LINE: lines,
        }

    def _balance(self) -> pa.Table:
        at = np.flatnonzero(self.fault != MISSING_IN_BILLING)
        n, currency, amount = len(at), self._place[1][at], self.amount[at]
        fees = np.array([c.card_fee for c in CURRENCIES], np.int64)[currency]
        fee = np.where(self.refund[at], 0, amount * fees[:, 0] // 10_000 + fees[:, 1])
        signed = amount * self.sign[at]
        kind = choice(["charge", "refund"], self.refund[at].astype(np.int64))
        available = self.created[at] // _DAY_SECONDS * _DAY_SECONDS + 2 * _DAY_SECONDS
        return pa.table(
            {
                "id": choice(self.balance_id, at),
                "type": kind,
                "reporting_category": kind,
                "source": choice(self.source_id, at),
                "status": same("available", n),
                "currency": choice(_LOWER, currency),
                "amount": pa.array(signed),
                "fee": pa.array(fee),
                "net": pa.array(signed - fee),
                "created": pa.array(self.created[at]),
                "available_on": pa.array(available),
            }
        )

    @cached_property
    def _labelled(self) -> np.ndarray:
        """bool[n]: the ERP does not have it, so Stripe has to tell its organization, or its metadata is wrong."""
        return (self.fault == MISSING_IN_ERP) | (self.fault == METADATA)

    def _metadata(self, at: np.ndarray) -> pa.Array:
        owners = pa.array([f'{{"org_id":"{o.id}"}}' for o in self.items.companies])
        nobody = pc.binary_join_element_wise('{"org_id":"org_', choice(self.source_id, at), '"}', "")
        return pc.if_else(pa.array(self.fault[at] == METADATA), nobody, choice(owners, self._place[0][at]))

    def _charges(self) -> pa.Table:
        at = np.flatnonzero(self._labelled & ~self.refund)
        n, currency, amount = len(at), self._place[1][at], self.amount[at]
        return pa.table(
            {
                "id": choice(self.charge_id, at),
                "balance_transaction": choice(self.balance_id, at),
                "status": same("succeeded", n),
                "currency": choice(_LOWER, currency),
                "amount": pa.array(amount),
                "amount_refunded": pa.array(np.zeros(n, np.int64)),
                "paid": flags(np.ones(n, bool)),
                "refunded": flags(np.zeros(n, bool)),
                "metadata": self._metadata(at),
                "created": pa.array(self.created[at]),
            }
        )

    def _refunds(self) -> pa.Table:
        at = np.flatnonzero(self._labelled & self.refund)
        return pa.table(
            {
                "id": choice(self.source_id, at),
                "charge": choice(self.charge_id, at),
                "balance_transaction": choice(self.balance_id, at),
                "status": same("succeeded", len(at)),
                "currency": choice(_LOWER, self._place[1][at]),
                "amount": pa.array(self.amount[at]),
                "metadata": self._metadata(at),
                "created": pa.array(self.created[at]),
            }
        )

    def _receipts(self) -> tuple[pa.Table, pa.Table]:
        """Transactions and their main lines; a duplicate is entered 20 minutes after the first, under its own id."""
        once = np.flatnonzero(self.fault != MISSING_IN_ERP)
        twice = np.flatnonzero(self.fault == DUPLICATE)
        at = np.concatenate([once, twice])
        copy = np.arange(len(at)) >= len(once)
        n, (currency, amount) = len(at), self._booked
        currency, amount, refund = currency[at], amount[at] * self.sign[at], self.refund[at].astype(np.int64)
        transaction = self.transaction_id[at] + np.where(copy, MOST_ROWS, 0)
        posted = self.posted[at] + np.where(copy, 20 * 60, 0)
        booked = _stamps(posted // _DAY_SECONDS * _DAY_SECONDS)
        stamps = _stamps(posted)
        nothing, no_time = pa.nulls(n, pa.int64()), pa.nulls(n, pa.timestamp("us"))
        receipts = {
            "id": pa.array(transaction),
            "externalid": choice(self.source_id, at),
            "transactionnumber": pc.binary_join_element_wise(
                choice(["PYMT", "RFND"], refund), pa.array(transaction).cast(pa.string()), "-"
            ),
            "type": choice(["CustPymt", "CustRfnd"], refund),
            "status": same("C", n),
            "memo": same(None, n),
            "currency": pa.array(_NETSUITE[currency]),
            "entity": nothing,
            "postingperiod": nothing,
            "posting": flags(np.ones(n, bool)),
            "trandate": booked,
            "createddate": stamps,
            "duedate": no_time,
            "closedate": booked,
        }
        foreign = money(amount, DIGITS[currency])
        lines = {
            "transaction": pa.array(transaction),
            "id": pa.array(np.zeros(n, np.int64)),
            "mainline": flags(np.ones(n, bool)),
            "taxline": flags(np.zeros(n, bool)),
            "subsidiary": pa.array(_of(self.items.companies, "subsidiary")[self._place[0][at]]),
            "entity": nothing,
            "item": nothing,
            "foreignamount": foreign,
            # Only an amount in the subsidiary's own currency needs no rate.
            "netamount": pc.if_else(
                pa.array(currency == _of(self.items.companies, "base")[self._place[0][at]]),
                foreign,
                pa.scalar(None, foreign.type),
            ),
            "memo": same(None, n),
            "linelastmodifieddate": stamps,
        }
        return pa.table(receipts), pa.table(lines)

    def truth(self) -> list[dict[str, str | int | None]]:
        """A line a fault: what fact_reconciliation must say, and the ids on both sides."""
        lines = []
        for at in np.flatnonzero(self.fault != _NONE).tolist():
            fault, source = int(self.fault[at]), self.source_id[at].as_py()
            transaction = None if fault == MISSING_IN_ERP else int(self.transaction_id[at])
            balance = None if fault == MISSING_IN_BILLING else self.balance_id[at].as_py()
            occurrence = 1
            if fault == DUPLICATE:  # the second transaction is the one too many, and has nothing in billing
                transaction, balance, occurrence = transaction + MOST_ROWS, None, 2
            lines.append(
                {
                    "status": STATUSES[fault],
                    "reconciliation_id": f"{source}/{occurrence}",
                    "source_id": source,
                    "balance_transaction_id": balance,
                    "netsuite_transaction_id": transaction,
                }
            )
        return lines


_LOWER = [code.lower() for code in CODES]
_NETSUITE = np.array([c.netsuite_id for c in CURRENCIES], np.int64)


def _of(companies: Sequence[Company], name: str) -> np.ndarray:
    return np.array([getattr(company, name) for company in companies], np.int64)


def _stamps(seconds: np.ndarray) -> pa.Array:
    """NetSuite's clock, which names no zone."""
    return pa.array(seconds * 1_000_000).cast(pa.timestamp("us"))
