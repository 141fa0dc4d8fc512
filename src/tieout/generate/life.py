"""The company's life in chapters: the standing data, then block by block its documents, then its cash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from tieout.generate import bank, cards, ledger, netsuite, payouts, stripe
from tieout.generate.access import access_rows
from tieout.generate.anomalies import Anomalies
from tieout.generate.bank_rules import bank_rule_rows
from tieout.generate.budgets import budget_rows
from tieout.generate.buffer import Buffer
from tieout.generate.disputes import dispute_events, disputes
from tieout.generate.documents import documents
from tieout.generate.exchanges import exchanges
from tieout.generate.fx import fx_rows
from tieout.generate.moments import DAY, first_day, month_of
from tieout.generate.organizations import Organizations, organizations
from tieout.generate.parties import Parties, parties
from tieout.generate.plan import LIFE_MONTHS, Block, Plan
from tieout.generate.planning import planning
from tieout.generate.proposals import proposal_rows
from tieout.generate.rows import Rows
from tieout.generate.settlements import credit_notes, settle
from tieout.generate.truth import Labelled, Labels, faulty_payouts
from tieout.generate.wealth import wealth

# Parents before children: the order in which rows can be inserted, and backwards the one in which they can go. What is
# not extracted has its schema before its name.
TABLES = (
    "organizations",
    "gl_accounts",
    "bank_accounts",
    "fx_rates",
    "customers",
    "suppliers",
    "ar_invoices",
    "ap_bills",
    "payments",
    "payment_allocations",
    "credit_notes",
    "bank_transactions",
    "bank_category_rules",
    "gl_entries",
    "input_budget",
    "instruments",
    "instrument_prices",
    "trades",
    "program_budgets",
    "budget_line_items",
    "allotments",
    "obligations",
    "disbursements",
    "budgeting.budget_proposals",
    "budgeting.budget_justifications",
    "budgeting.work_items",
    "access.users",
    "access.memberships",
)


@dataclass(frozen=True)
class Chapter:
    """Rows that belong together (every journal and every foreign key inside is whole), and what was injected."""

    rows: list[Rows]
    labelled: Labelled | None = None
    anomalies: Labels | None = None
    payouts: tuple[Labels, ...] = ()


@dataclass(frozen=True)
class Life:
    """The life of ``plan`` seen from the moment ``until``, back to what can still change after ``since``.

    Without ``since`` it is seen back to its start.
    """

    plan: Plan
    until: int
    since: int | None = None
    _first_month: int = field(init=False)

    def __post_init__(self) -> None:
        start = month_of(self.plan.start)
        first = start if self.since is None else max(start, month_of(self.since // DAY) - LIFE_MONTHS)
        object.__setattr__(self, "_first_month", first)

    @cached_property
    def organizations(self) -> Organizations:
        return organizations(self.plan)

    @cached_property
    def customers(self) -> Parties:
        return parties(self.plan, "ar", self.until)

    @cached_property
    def suppliers(self) -> Parties:
        return parties(self.plan, "ap", self.until)

    def chapters(self) -> Iterator[Chapter]:
        """Each table's rows in an order that its foreign keys allow."""
        plan, own = self.plan, self.organizations
        now = month_of(self.plan.start if self.since is None else self.since // DAY)
        yield Chapter(
            [
                *own.tables,
                fx_rows(plan, own, now, self.until),
                self.customers.rows(own),
                self.suppliers.rows(own),
                bank_rule_rows(plan, own, self.suppliers),
                stripe.customer_rows(self.customers),
                *netsuite.lists(plan, self.customers, self.until),
                *planning(plan, own, self.until),
                *wealth(plan, own, self.until),
                *budget_rows(plan, own, self.until),
                *proposal_rows(plan, own, self.until),
                *access_rows(plan, own),
            ]
        )
        last_day = (self.until - 1) // DAY
        balance = payouts.Balance(plan, self._first_month, last_day)
        buffer = Buffer(plan, first_day(self._first_month), last_day)
        for block in plan.blocks(self._first_month, self.until):
            yield self._documents(block, balance, buffer)
        if plan.anomalies is not None:
            put_in = Anomalies(plan, own, self.customers, self.suppliers, self.until)
            rows, labels = put_in.rows(range(self._first_month, month_of((self.until - 1) // DAY) + 1))
            yield Chapter(rows, anomalies=labels)
        paid_out = balance.payouts()
        attempts, failed = balance.attempts(paid_out)
        covered, left = buffer.rows(own)
        yield Chapter(
            [
                *bank.transfers(plan, own, now, self.until),
                *exchanges(plan, own, now, self.until),
                *bank.payout_transactions(plan, own, paid_out),
                *stripe.payout_rows(own, paid_out),
                *stripe.payout_rows(own, attempts),
                stripe.part_rows(balance.parts(paid_out, attempts, failed)),
                *covered,
                *netsuite.payout_deposits(paid_out).rows(plan),
                *netsuite.payout_deposits(left).rows(plan),
            ],
            payouts=tuple(faulty_payouts(own, made) for made in (paid_out, attempts, left)),
        )

    def _documents(self, block: Block, balance: payouts.Balance, buffer: Buffer) -> Chapter:
        plan, own = self.plan, self.organizations
        who = self.customers if block.side == "ar" else self.suppliers
        docs = documents(plan, who, block)
        notes = credit_notes(plan, docs)
        paid, allocated = settle(plan, docs, notes, who)
        carded = cards.cards(plan, docs, paid)
        disputed = disputes(docs, paid, carded)
        events = [
            *ledger.document_events(docs),
            *ledger.credit_events(docs, notes),
            *ledger.payment_events(docs, paid, cards.fees(paid, carded)),
            *dispute_events(paid, carded, disputed),
        ]
        rows = [
            docs.rows(own, who),
            paid.rows(own, who, docs),
            allocated.rows(own, docs, paid),
            notes.rows(own, docs),
            *bank.payment_transactions(own, who, docs, paid),
            *(ledger.journals(plan, own, event) for event in events),
        ]
        if block.side == "ap":
            return Chapter(rows)
        balance.add(carded)
        buffer.add(carded, disputed)
        receipts = netsuite.card_receipts(docs, paid, carded)
        refunds = netsuite.card_refunds(docs, paid, carded)
        rows += [
            stripe.charge_rows(own, who, docs, paid, carded, disputed),
            *stripe.dispute_rows(carded, disputed),
            stripe.invoice_rows(who, docs, paid, carded),
            *stripe.balance_rows(carded),
            stripe.refund_rows(own, paid, carded),
            *receipts.rows(plan),
            *refunds.rows(plan),
            *netsuite.bank_receipts(docs, paid).rows(plan),
        ]
        return Chapter(rows, Labelled.of(own, paid, carded, receipts, refunds))
