"""Anomalies put into a company on purpose, each with a label: what `tieout generate --anomalies N` adds.

About N of each kind a year, from the ninth month on, when there is a usual to stand out from. Three are rarer, because
a company has few places for them: an unusual day comes N/3 times a year, in the two organizations with the most cash;
one account strays from Benford's law, more each month; one organization's minimum of cash is far above what it holds.
Regular suppliers come along (regulars.py); with N = 0 they come alone, as a clean company to compare with.

Everything is added: no row of the company without anomalies changes but that one minimum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from tieout.generate.columns import choice, days, money
from tieout.generate.draws import Draws
from tieout.generate.ids import uuids
from tieout.generate.ledger import LINES, MANUAL, Event, journals
from tieout.generate.made_to_order import Made, Order, make, number_of
from tieout.generate.moments import DAY, first_day, in_hours, month_of, to_date
from tieout.generate.organizations import LOW_CASH_ORG, Organizations
from tieout.generate.parties import Parties
from tieout.generate.plan import Plan
from tieout.generate.regulars import (
    BILLS,
    CHANCES,
    COUNT,
    Chance,
    minor,
    regular_bills,
    regulars,
    serial_of,
    usual_amount,
    working,
)
from tieout.generate.rows import Rows
from tieout.generate.truth import Labels, moment
from tieout.generate.world import ACCOUNT, CODES, DIGITS, JPY, ORGANIZATIONS

# Before, no one has habits yet.
LEARNT_MONTHS = 8
_BENFORD_ORG, _BENFORD_ACCOUNT, _BENFORD_COUNTER = 0, "6200", "6400"
# Journals a month, each of seven lines and their sum: more than a thousand lines after eight months.
_BENFORD_JOURNALS, _BENFORD_LINES, _BENFORD_MONTHS = 20, 7, 8
_PAY_RUN = 24
_DAY_ORGS = 2
# Ranges of serials, after those of regulars.py.
_OWN, _RUN, _OWED, _DIRECT, _MANUAL, _DIGITS = range(BILLS + 1, BILLS + 7)
# Place of the first number among a month's, by group of documents: the regular ones begin at 0.
_NUMBERS = {_OWN: 100_000, _RUN: 200_000, _OWED: 300_000}


@dataclass(frozen=True)
class _Label:
    """kind; the orders that it is made of, in ``group``; the last payment's moment (or document's) completes it.

    subject: what the alert is about: the type, and the key made of what the orders became.
    """

    kind: str
    group: int
    orders: Sequence[int]
    subject: tuple[str, Callable[[Made], str]]
    # A moment that completes it later than its rows do.
    since: int = 0


@dataclass
class _Month:
    """What one month's anomalies are made of."""

    plan: Plan
    own: Organizations
    month: int
    parties: Parties
    customers: Parties
    suppliers: Parties
    orders: dict[int, list[Order]] = field(default_factory=lambda: {_OWN: [], _RUN: [], _OWED: []})
    # (party, amount, day) of bookings that no payment explains; (organization, amount, posted, dated) of journals.
    direct: list[tuple[int, int, int]] = field(default_factory=list)
    manual: list[tuple[int, int, int, int]] = field(default_factory=list)
    labels: list[_Label] = field(default_factory=list)

    def add(self, group: int, *orders: Order) -> list[int]:
        """Take orders; returns their places in the group."""
        first = len(self.orders[group])
        self.orders[group] += orders
        return list(range(first, first + len(orders)))

    def whose(self, group: int) -> Parties:
        return {_OWN: self.parties, _RUN: self.suppliers, _OWED: self.customers}[group]

    def usual(self, party: int) -> int:
        return usual_amount(self.plan, self.parties, party)


@dataclass(frozen=True)
class Anomalies:
    """The anomalies of ``plan``, as far as a life that ends before the moment ``until`` shows them."""

    plan: Plan
    own: Organizations
    customers: Parties
    suppliers: Parties
    until: int

    def rows(self, months: range) -> tuple[list[Rows], Labels]:
        """The rows that come in ``months``, suppliers first, and the labels of what is wrong with them."""
        rows, lines = [self._parties.rows(self.own)], []
        for month in months:
            if regular := regular_bills(self.plan, self._parties, month):
                rows += make(self.plan, self.own, self._parties, month, serial_of(BILLS, month), regular).rows
            if month >= self._first_month and self.plan.anomalies:
                more, labels = self._month(month)
                rows += more
                lines += labels
        return rows, Labels(lines)

    @property
    def _first_month(self) -> int:
        return month_of(self.plan.start) + LEARNT_MONTHS

    def _count(self, kind: str, month: int) -> int:
        """How many of a kind a month brings: the year's number, spread evenly."""
        a_year = -(-self.plan.anomalies // 3) if kind == "unusual_day" else self.plan.anomalies
        return (month + 1) * a_year // 12 - month * a_year // 12

    @cached_property
    def _newcomers(self) -> dict[tuple[int, int], int]:
        """The position among the parties of each month's new suppliers."""
        last = month_of((self.until - 1) // DAY)
        months = range(self._first_month, last + 1) if self.plan.anomalies else ()
        new = [(month, place) for month in months for place in range(self._count("new_counterparty", month))]
        return {key: COUNT + at for at, key in enumerate(new)}

    @cached_property
    def _parties(self) -> Parties:
        new = [((month + place) % len(ORGANIZATIONS), first_day(month)) for month, place in self._newcomers]
        return regulars(self.plan, new)

    def _month(self, month: int) -> tuple[list[Rows], list[dict[str, Any]]]:
        plan, own = self.plan, self.own
        staged = _Month(plan, own, month, self._parties, self.customers, self.suppliers)
        for number, (kind, stage) in enumerate(_STAGES.items()):
            for place in range(self._count(kind, month)):
                chance = Chance(plan.seed, serial_of(CHANCES, month) + (number + 1) * 100_000 + place)
                # Each at another regular supplier, as far as they go.
                party = ((month * plan.anomalies + place) * len(_STAGES) + number) % COUNT
                if kind == "new_counterparty":
                    party = self._newcomers[month, place]
                stage(staged, party, working(first_day(month) + chance.between("day", 0, 8)), chance)
        made = {
            group: make(plan, own, staged.whose(group), month, serial_of(group, month), orders, _NUMBERS[group])
            for group, orders in staged.orders.items()
        }
        rows = [row for some in made.values() for row in some.rows]
        lines = [self._line(label, made[label.group], staged) for label in staged.labels]
        for more, labels in (self._direct(staged), self._manual(staged), self._digits(month)):
            rows += more
            lines += labels
        if month == self._first_month:
            low = own.id[LOW_CASH_ORG].as_py()
            lines.append(_line("low_balance", "organization", low, low, first_day(month) * DAY, []))
        return rows, lines

    def _line(self, label: _Label, made: Made, staged: _Month) -> dict[str, Any]:
        orders = [staged.orders[label.group][at] for at in label.orders]
        org = self.own.id[int(staged.whose(label.group).org[orders[0].party])].as_py()
        done = [at for i in label.orders for at in (made.created[i], *made.cleared[i])]
        touched = [key for i in label.orders for key in (made.document[i], *made.payment[i], *made.transaction[i])]
        subject, key = label.subject
        return _line(label.kind, subject, key(made), org, max(label.since, *done), touched)

    def _direct(self, staged: _Month) -> tuple[list[Rows], list[dict[str, Any]]]:
        """Bank bookings without a payment, and their journals: the ledger's cash is the bank's."""
        own, parties = self.own, self._parties
        party, amount, day = _columns(staged.direct, 3)
        draws = Draws(self.plan.seed, serial_of(_DIRECT, staged.month) + np.arange(len(party), dtype=np.int64))
        org, currency = parties.org[party], parties.currency[party]
        when = in_hours(day, draws, "bank/direct")
        ids = uuids(draws, "bank/direct", when)

        def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
            none = pa.nulls(len(at), pa.string())
            return {
                "id": choice(ids, at),
                "org_id": choice(own.id, org[at]),
                "bank_account_id": choice(own.bank_id, own.bank[org[at], currency[at]]),
                "payment_id": none,
                "transfer_group_id": none,
                "currency": choice(CODES, currency[at]),
                "amount": money(-amount[at], DIGITS[currency[at]]),
                "booked_on": days(day[at]),
                "counterparty": choice(parties.name, party[at]),
                "description": choice(["Direct debit"], np.zeros(len(at), np.int64)),
            }

        event = Event(
            MANUAL, draws.serial, None, pa.nulls(len(party), pa.string()), org, currency, day, when, when,
            (("6400", amount), ("1000", -amount)),
        )  # fmt: skip
        lines = [
            _line("unusual_bank_transaction", "bank_transaction", key, own.id[o].as_py(), at, [key])
            for key, o, at in zip(ids.to_pylist(), org.tolist(), when.tolist(), strict=True)
        ]
        return [Rows("bank_transactions", build, when), journals(self.plan, own, event)], lines

    def _manual(self, staged: _Month) -> tuple[list[Rows], list[dict[str, Any]]]:
        """Journals between two expenses, dated outside the period in which they are entered."""
        org, amount, posted, dated = _columns(staged.manual, 4)
        draws = Draws(self.plan.seed, serial_of(_MANUAL, staged.month) + np.arange(len(org), dtype=np.int64))
        when = in_hours(posted, draws, "journal/manual")
        currency = np.array([o.base for o in ORGANIZATIONS], np.int64)[org]
        event = Event(
            MANUAL, draws.serial, None, pa.nulls(len(org), pa.string()), org, currency, dated, when, when,
            (("6300", amount), ("6400", -amount)),
        )  # fmt: skip
        keys = uuids(Draws(self.plan.seed, draws.serial * LINES + MANUAL), "journal", when).to_pylist()
        lines = [
            _line("outside_period", "journal", key, self.own.id[o].as_py(), at, [key])
            for key, o, at in zip(keys, org.tolist(), when.tolist(), strict=True)
        ]
        return [journals(self.plan, self.own, event)], lines

    def _digits(self, month: int) -> tuple[list[Rows], list[dict[str, Any]]]:
        """Invented claims on one account: amounts of three magnitudes that all begin with 6 to 9."""
        number = serial_of(_DIGITS, month) + np.arange(_BENFORD_JOURNALS, dtype=np.int64)
        draws = Draws(self.plan.seed, number)
        org = np.full(len(number), _BENFORD_ORG)
        currency = np.full(len(number), ORGANIZATIONS[_BENFORD_ORG].base)
        day = first_day(month) + draws.below("digits/day", 28)
        when = in_hours(day, draws, "digits/created")
        claims = [
            draws.between(f"digits/{i}", 6_000, 9_999) * 10 ** draws.below(f"digits/magnitude/{i}", 3)
            for i in range(_BENFORD_LINES)
        ]
        lines = (*((_BENFORD_ACCOUNT, claim) for claim in claims), (_BENFORD_COUNTER, -sum(claims)))
        none = pa.nulls(len(number), pa.string())
        event = Event(MANUAL, number, None, none, org, currency, day, when, when, lines)
        labels = []
        if month == self._first_month + _BENFORD_MONTHS:
            account = self.own.account_id[int(self.own.account[_BENFORD_ORG, ACCOUNT[_BENFORD_ACCOUNT]])].as_py()
            key = f"{account}/{CODES[ORGANIZATIONS[_BENFORD_ORG].base]}"
            owner = self.own.id[_BENFORD_ORG].as_py()
            labels.append(_line("benford_deviation", "gl_account", key, owner, first_day(month) * DAY, []))
        return [journals(self.plan, self.own, event)], labels


def _columns(rows: Sequence[tuple[int, ...]], width: int) -> np.ndarray:
    """int64[width, n] of n tuples."""
    return np.array(rows, np.int64).reshape(-1, width).T


def _line(kind: str, subject_type: str, subject: str, org: str, at: int, touched: list[str]) -> dict[str, Any]:
    return {
        "label": kind,
        "subject_type": subject_type,
        "subject_id": subject,
        "org_id": org,
        "at": moment(at),
        "touched": touched,
    }


def _document(order: int) -> Callable[[Made], str]:
    return lambda made: made.document[order]


def _payment(order: int, place: int = 0) -> Callable[[Made], str]:
    return lambda made: made.payment[order][place]


def _duplicate_payment(to: _Month, party: int, day: int, chance: Chance) -> None:
    """A bill of the usual size, paid twice within a few days; it is then settled above its amount, too."""
    total = to.usual(party) * chance.between("habit", 8_500, 11_500) // 10_000 + chance.between("cents", 1, 99)
    again = working(day + chance.between("again", 1, 3))
    at = to.add(_OWN, Order(party, total, day - 10, day + 4, ((total, day), (total, again))))
    to.labels.append(_Label("duplicate_payment", _OWN, at, ("payment", _payment(at[0], 1))))
    to.labels.append(_Label("over_allocation", _OWN, at, ("ap_bill", _document(at[0]))))


def _duplicate_bill(to: _Month, party: int, day: int, chance: Chance) -> None:
    """A bill entered a second time: its number spelled otherwise some days later, or another number on its day."""
    total = to.usual(party) * chance.between("habit", 8_500, 11_500) // 10_000 + chance.between("cents", 1, 99)
    paid = working(day + 14)
    first = Order(party, total, day, day + 14, ((total, paid),))
    (at,) = to.add(_OWN, first)
    if chance.between("spelled", 0, 1):
        number = number_of("ap", to.month, _NUMBERS[_OWN] + at)
        spelled = f"bill {number.removeprefix('BILL-').replace('-', '/')}"
        # Entered later, or on the day itself: the later of the two is the duplicate.
        second = Order(party, total, day + chance.between("later", 2, 12), day + 30, number=spelled)
    else:
        second = Order(party, total, day, day + 14)
    (again,) = to.add(_OWN, second)
    # Of one day's two bills the one with the higher id is called the second.
    later = (lambda made: max(made.document[at], made.document[again])) if second.day == day else _document(again)
    to.labels.append(_Label("duplicate_bill", _OWN, [at, again], ("ap_bill", later)))


def _unusual_bill(to: _Month, party: int, day: int, chance: Chance) -> None:
    """A bill of 6 to 30 times the usual, and its payment."""
    total = to.usual(party) * chance.between("times", 60, 300) // 10 + chance.between("cents", 1, 99)
    at = to.add(_OWN, Order(party, total, day, day + 14, ((total, working(day + 10)),)))
    to.labels.append(_Label("unusual_bill", _OWN, at, ("ap_bill", _document(at[0]))))
    to.labels.append(_Label("unusual_payment", _OWN, at, ("payment", _payment(at[0]))))


def _unusual_bank_transaction(to: _Month, party: int, day: int, chance: Chance) -> None:
    """A booking of 6 to 30 times the usual that no payment explains."""
    amount = to.usual(party) * chance.between("times", 60, 300) // 10 + chance.between("cents", 1, 99)
    to.direct.append((party, amount, day))


def _over_allocation(to: _Month, party: int, day: int, chance: Chance) -> None:
    """A bill paid in two parts that come to more than it."""
    total = to.usual(party) * chance.between("habit", 8_500, 11_500) // 10_000 + chance.between("cents", 1, 99)
    first = total * chance.between("first", 55, 75) // 100
    second = total - first + total * chance.between("excess", 5, 20) // 100
    paid = ((first, day), (second, working(day + chance.between("again", 8, 12))))
    at = to.add(_OWN, Order(party, total, day - 12, day + 2, paid))
    to.labels.append(_Label("over_allocation", _OWN, at, ("ap_bill", _document(at[0]))))


def _new_counterparty(to: _Month, party: int, day: int, chance: Chance) -> None:
    """A supplier of whom no one had heard, paid far more than usual at once."""
    total = minor(chance.between("cents", 8_000_000, 24_000_000), int(to.parties.currency[party]))
    at = to.add(_OWN, Order(party, total, day, day + 14, ((total, working(day + 8)),)))
    to.labels.append(_Label("new_counterparty", _OWN, at, ("payment", _payment(at[0]))))


def _cluster(to: _Month, kind: str, party: int, day: int, amounts: list[int]) -> None:
    orders = [
        Order(party, amount, day - 3, day + 11, ((amount, working(day + 2 * i)),)) for i, amount in enumerate(amounts)
    ]
    at = to.add(_OWN, *orders)
    to.labels.append(_Label(kind, _OWN, at, ("payment", _payment(at[0]))))


def _below_limit(to: _Month, party: int, day: int, chance: Chance) -> None:
    """Three to five payments a little below one round limit, within ten days."""
    currency = int(to.parties.currency[party])
    limit = (1, 5)[chance.between("limit", 0, 1)] * (1_000_000 if currency == JPY else 10_000)
    limit *= 10 ** int(DIGITS[currency])
    count = chance.between("count", 3, 5)
    amounts = [limit * (10_000 - chance.between(f"below/{i}", 10, 180)) // 10_000 for i in range(count)]
    _cluster(to, "below_limit_cluster", party, day, amounts)


def _round_amounts(to: _Month, party: int, day: int, chance: Chance) -> None:
    """Three to five payments of round amounts within ten days."""
    currency = int(to.parties.currency[party])
    unit = (100_000 if currency == JPY else 1_000) * 10 ** int(DIGITS[currency])
    count = chance.between("count", 3, 5)
    # No two neighbours alike, which would be a duplicate as well.
    amounts = [((chance.between("digit", 0, 6) + i) % 7 + 2) * unit for i in range(count)]
    _cluster(to, "round_amount_cluster", party, day, amounts)


def _outside_period(to: _Month, party: int, day: int, chance: Chance) -> None:
    """A journal entered today and dated into a closed month, or into one to come."""
    org = int(to.parties.org[party])
    amount = minor(chance.between("cents", 50_000, 2_000_000), ORGANIZATIONS[org].base)
    dated = (
        day - chance.between("back", 45, 150) if chance.between("ahead", 0, 3) else day + chance.between("on", 40, 90)
    )
    to.manual.append((org, amount, day, dated))


def _overdue(to: _Month, party: int, day: int, chance: Chance) -> None:
    """An invoice that its customer never pays."""
    customer = chance.between("customer", 0, to.plan.customers - 1)
    currency = int(to.customers.currency[customer])
    total = minor(chance.between("cents", 50_000, 2_000_000), currency)
    due = day + int(to.customers.terms[customer])
    (at,) = to.add(_OWED, Order(customer, total, day, due))
    key = f"{to.customers.id[customer].as_py()}/{CODES[currency]}"
    to.labels.append(_Label("overdue_receivable", _OWED, [at], ("customer", lambda made: key), (due + 1) * DAY))


def _unusual_day(to: _Month, party: int, day: int, chance: Chance) -> None:
    """A pay run: many bills of ordinary size, all paid on one day."""
    # Half-years take turns: a second such day in a series is less unusual.
    org = to.month // 6 % _DAY_ORGS
    base = ORGANIZATIONS[org].base
    fit = np.flatnonzero((to.suppliers.org == org) & (to.suppliers.currency == base))
    fit = fit[fit < to.plan.suppliers]
    if not len(fit):
        return
    orders = []
    for i in range(_PAY_RUN):
        total = minor(chance.between(f"cents/{i}", 2_500_000, 6_000_000), base)
        orders.append(
            Order(int(fit[chance.between(f"party/{i}", 0, len(fit) - 1)]), total, day - 20, day, ((total, day),))
        )
    at = to.add(_RUN, *orders)
    key = f"{to.own.id[org].as_py()}/{CODES[base]}/outflow/{to_date(day)}"
    to.labels.append(_Label("unusual_day", _RUN, at, ("cash_day", lambda made: key)))


_STAGES = {
    "duplicate_payment": _duplicate_payment,
    "duplicate_bill": _duplicate_bill,
    "unusual_bill": _unusual_bill,
    "unusual_bank_transaction": _unusual_bank_transaction,
    "over_allocation": _over_allocation,
    "new_counterparty": _new_counterparty,
    "below_limit_cluster": _below_limit,
    "round_amount_cluster": _round_amounts,
    "outside_period": _outside_period,
    "overdue_receivable": _overdue,
    "unusual_day": _unusual_day,
}
