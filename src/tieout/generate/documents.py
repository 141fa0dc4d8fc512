"""The lives of invoices and bills: entered, perhaps as a draft, issued, disputed, voided, or thrown away unissued."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tieout.generate.columns import choice, days, flags, money
from tieout.generate.draws import Draws
from tieout.generate.ids import numbered, uuids
from tieout.generate.moments import NEVER, NO_DAY, first_day, in_hours, in_the_night_after, weekday
from tieout.generate.organizations import Organizations
from tieout.generate.parties import Parties
from tieout.generate.plan import Block, Plan
from tieout.generate.rows import Rows
from tieout.generate.world import AMOUNTS, CODES, CURRENCIES, DIGITS, ORGANIZATIONS, REVENUE, SPENDING

_MEMOS = ["Monthly subscription", "Consulting, as agreed", "Hardware delivery", 'Order "as per quote", net', None]
# Trade by month, January to December, in per cent of an amount; documents by weekday, Monday to Sunday.
_SEASON = np.array([90, 92, 100, 98, 100, 102, 92, 88, 104, 108, 114, 124])
_WEEK = np.array([11, 11, 12, 11, 10, 2, 1])


@dataclass(frozen=True)
class Documents:
    """Invoices ('ar') or bills ('ap') of one block. Amounts are int64 minor units of ``currency``.

    A day at NO_DAY or a moment at NEVER is one that does not come: a draft that is never issued has no issued moment.
    issued_day is the date on the document even when it is never issued. ledger: the account code's position in
    REVENUE or SPENDING.
    """

    side: str
    draws: Draws
    id: pa.StringArray
    number: pa.StringArray
    party: np.ndarray
    org: np.ndarray
    currency: np.ndarray
    subtotal: np.ndarray
    tax: np.ndarray
    total: np.ndarray
    ledger: np.ndarray
    issued_day: np.ndarray
    due_day: np.ndarray
    void_day: np.ndarray
    created: np.ndarray
    visible: np.ndarray
    issued: np.ndarray
    voided: np.ndarray
    disputed: np.ndarray
    settled: np.ndarray
    deleted: np.ndarray

    def __len__(self) -> int:
        return len(self.party)

    @property
    def stands(self) -> np.ndarray:
        """bool[n]: issued at some time and never voided."""
        return (self.issued < NEVER) & (self.void_day >= NO_DAY)

    @property
    def table(self) -> str:
        return "ar_invoices" if self.side == "ar" else "ap_bills"

    def rows(self, organizations: Organizations, parties: Parties) -> Rows:
        issued = "issued" if self.side == "ar" else "approved"
        kind = "invoice" if self.side == "ar" else "bill"

        def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
            void = self.voided[at] < until
            status = np.where(void, 2, np.where(self.issued[at] < until, 1, 0))
            digits = DIGITS[self.currency[at]]
            return {
                "id": choice(self.id, at),
                "org_id": choice(organizations.id, self.org[at]),
                f"{parties.table[:-1]}_id": choice(parties.id, self.party[at]),
                f"{kind}_number": choice(self.number, at),
                "status": choice(["draft", issued, "void"], status),
                "is_disputed": flags((self.disputed[at] < until) & (self.settled[at] >= until)),
                "currency": choice(CODES, self.currency[at]),
                "subtotal_amount": money(self.subtotal[at], digits),
                "tax_amount": money(self.tax[at], digits),
                "total_amount": money(self.total[at], digits),
                f"{kind}_date": days(self.issued_day[at]),
                "due_date": days(self.due_day[at]),
                "voided_on": days(self.void_day[at], void),
                "memo": choice(_MEMOS, self.draws.at(at).below("memo", len(_MEMOS))),
            }

        changes = (self.issued, self.voided, self.disputed, self.settled)
        return Rows(self.table, build, self.created, self.visible, changes, self.deleted)


def documents(plan: Plan, parties: Parties, block: Block) -> Documents:
    """All documents of a block with their whole lives, past and to come."""
    rates = plan.rates
    born = _days(block.month, Draws(plan.seed, block.serial))
    # A month in which the company starts is cut at its start.
    lived = born >= plan.start
    born, number = born[lived], block.number[lived]
    draws = Draws(plan.seed, block.serial[lived])
    n = len(born)

    # Two draws and the smaller: a few parties trade much, many a little.
    joined = plan.parties(block.side, block.month)
    party = np.minimum(draws.below("document/party", joined), draws.below("document/party_again", joined))
    org, currency = parties.org[party], parties.currency[party]
    subtotal = np.maximum(_amounts(draws, currency) * _SEASON[block.month % 12] // 100, 1)
    tax = (subtotal * np.array([o.tax for o in ORGANIZATIONS], np.int64)[org] + 5_000) // 10_000

    drafted = draws.chance("document/drafted", rates.drafted)
    issued_day = born + np.where(drafted, draws.between("document/draft_days", 1, 3), 0)
    abandoned = drafted & draws.chance("document/abandoned", rates.abandoned)
    thrown_away = abandoned & draws.chance("document/deleted", rates.abandoned_deleted)
    due_day = issued_day + parties.terms[party]
    voided = ~abandoned & draws.chance("document/voided", rates.voided)
    void_day = np.where(voided, issued_day + draws.between("document/void_after", 2, 10), NO_DAY)
    disputed = ~abandoned & ~voided & draws.chance("document/disputed", rates.disputed)
    disputed_day = due_day + draws.between("document/disputed_after", 3, 12)
    settled = disputed & draws.chance("document/settled", 6_000)
    late = ~drafted & draws.chance("document/late", rates.late)

    created = in_hours(born, draws, "document/created")
    issued = np.where(drafted, in_hours(issued_day, draws, "document/issued"), created)
    return Documents(
        side=block.side,
        draws=draws,
        id=uuids(draws, "document", created),
        number=numbered(
            "INV" if block.side == "ar" else "BILL",
            (np.full(n, block.month // 12 * 100 + block.month % 12 + 1), 6),
            (number + 1, 7),
        ),
        party=party,
        org=org,
        currency=currency,
        subtotal=subtotal,
        tax=tax,
        total=subtotal + tax,
        ledger=draws.below("document/ledger", len(REVENUE if block.side == "ar" else SPENDING)),
        issued_day=issued_day,
        due_day=due_day,
        void_day=void_day,
        created=created,
        visible=np.where(late, in_the_night_after(born, draws, "document/late_by"), created),
        issued=np.where(abandoned, NEVER, issued),
        voided=np.where(voided, in_hours(np.minimum(void_day, NO_DAY), draws, "document/void"), NEVER),
        disputed=np.where(disputed, in_hours(disputed_day, draws, "document/dispute"), NEVER),
        settled=np.where(
            settled,
            in_hours(disputed_day + draws.between("document/settled_after", 5, 40), draws, "document/settle"),
            NEVER,
        ),
        deleted=np.where(
            thrown_away,
            in_hours(issued_day + draws.between("document/deleted_after", 1, 9), draws, "document/delete"),
            NEVER,
        ),
    )


def _days(month: int, draws: Draws) -> np.ndarray:
    """int64[n]: the day of ``month`` on which each document is entered."""
    first, after = first_day(month), first_day(month + 1)
    calendar = np.arange(first, after, dtype=np.int64)
    weights = _WEEK[weekday(calendar)] * np.where(calendar >= after - 3, 3, 2)
    return first + draws.pick("document/day", weights)


def _amounts(draws: Draws, currency: np.ndarray) -> np.ndarray:
    """int64[n]: amounts before tax in minor units of ``currency``, at least one."""
    bracket = draws.pick("document/bracket", [weight for _, _, weight in AMOUNTS])
    low = np.array([low for low, _, _ in AMOUNTS], np.int64)[bracket]
    high = np.array([high for _, high, _ in AMOUNTS], np.int64)[bracket]
    cents = draws.between("document/cents", low, high - 1)
    fraction = np.array([c.minor_per_cent for c in CURRENCIES], np.int64)[currency]
    return np.maximum(cents * fraction[:, 0] // fraction[:, 1], 1)
