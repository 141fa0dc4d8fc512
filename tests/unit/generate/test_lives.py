"""What must hold for every document and payment, whatever was drawn; no database needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pytest

from tieout.generate import cards, ledger
from tieout.generate.documents import Documents, documents
from tieout.generate.life import Life
from tieout.generate.moments import DAY, NEVER, NO_DAY, day_number, end_of, month_of
from tieout.generate.organizations import Organizations
from tieout.generate.parties import Parties
from tieout.generate.plan import LIFE_MONTHS, Plan
from tieout.generate.rates import Rates
from tieout.generate.settlements import Allocations, CreditNotes, Payments, credit_notes, settle

END = date(2026, 3, 31)
PLAN = Plan.of(150_000, 7, date(2025, 10, 20), END)
# Mishaps everywhere, so that the rare ways through settlements.py are walked.
WILD = replace(
    PLAN,
    rates=Rates(
        drafted=5000,
        voided=800,
        credited=3000,
        partly_paid=3000,
        left_open=1000,
        unpaid=500,
        overpaid=1000,
        paid_twice=1000,
        paid_together=9000,
        card_failed=3000,
        bank_failed=3000,
        reversed=3000,
        reapplied=3000,
        late=3000,
    ),
)


@dataclass(frozen=True)
class Made:
    life: Life
    who: Parties
    docs: Documents
    notes: CreditNotes
    paid: Payments
    put: Allocations


@pytest.fixture(scope="module", params=[pytest.param(PLAN, id="usual"), pytest.param(WILD, id="wild")])
def made(request: pytest.FixtureRequest) -> list[Made]:
    def each() -> Iterator[Made]:
        plan: Plan = request.param
        life = Life(plan, end_of(day_number(END)))
        for block in plan.blocks(0, life.until):
            who = life.customers if block.side == "ar" else life.suppliers
            docs = documents(plan, who, block)
            notes = credit_notes(plan, docs)
            yield Made(life, who, docs, notes, *settle(plan, docs, notes, who))

    return list(each())


def test_totals_are_subtotals_and_tax(made: list[Made]) -> None:
    for m in made:
        assert (m.docs.total == m.docs.subtotal + m.docs.tax).all()
        assert (m.docs.subtotal > 0).all() and (m.docs.tax >= 0).all()


def test_a_payment_gives_what_is_allocated_of_it_and_no_more(made: list[Made]) -> None:
    for m in made:
        live = m.put.deleted == NEVER
        given = np.zeros(len(m.paid), np.int64)
        np.add.at(given, m.put.payment[live], m.put.amount[live])
        assert (given == m.paid.applied).all()
        assert (m.paid.applied <= m.paid.amount).all() and (m.put.amount > 0).all()
        assert (given[m.paid.failed] == 0).all()


def test_an_allocation_is_to_a_document_of_the_payer_in_its_currency(made: list[Made]) -> None:
    for m in made:
        payer = m.paid.document[m.put.payment]
        for column in (m.docs.party, m.docs.org, m.docs.currency):
            assert (column[payer] == column[m.put.document]).all()


def test_some_payments_settle_two_documents(made: list[Made]) -> None:
    assert any(len(np.unique(m.put.payment)) < (m.put.deleted == NEVER).sum() for m in made)


def test_only_double_payments_settle_more_than_is_owed(made: list[Made]) -> None:
    for m in made:
        owed = m.docs.total.copy()
        owed[m.notes.document] -= np.where(m.notes.void, 0, m.notes.amount)
        stands = (m.put.deleted == NEVER) & (m.paid.reversed_day[m.put.payment] == NO_DAY)
        settled = np.zeros(len(owed), np.int64)
        np.add.at(settled, m.put.document[stands], m.put.amount[stands])
        over = settled > owed
        assert (settled[over] == 2 * owed[over]).all()
        assert not over.any() or m.docs.side == "ar"


def test_nothing_happens_before_what_it_follows(made: list[Made]) -> None:
    for m in made:
        docs, paid, put = m.docs, m.paid, m.put
        assert (docs.issued >= docs.created).all() and (docs.visible >= docs.created).all()
        assert (docs.due_day >= docs.issued_day).all()
        for later in (docs.voided, docs.disputed, docs.deleted):
            assert (later > docs.visible).all()
        # A document is committed before anything refers to it.
        assert (m.notes.created > docs.visible[m.notes.document]).all()
        assert (paid.created > docs.visible[paid.document]).all()
        assert (put.visible > docs.visible[put.document]).all()
        assert (put.visible >= paid.visible[put.payment]).all()
        assert (paid.cleared >= paid.created).all() and (paid.reversed > paid.cleared)[~paid.failed].all()
        assert (paid.deleted > paid.visible).all() and (put.deleted > put.visible).all()
        assert (docs.created >= m.who.created[docs.party]).all(), "the party is there first"


def test_void_and_unissued_documents_are_never_paid_or_credited(made: list[Made]) -> None:
    for m in made:
        gone = (m.docs.void_day < NO_DAY) | (m.docs.issued == NEVER)
        assert not gone[m.paid.document].any() and not gone[m.notes.document].any()


def test_a_life_ends_within_the_months_that_are_looked_back(made: list[Made]) -> None:
    for m in made:
        docs, paid, put = m.docs, m.paid, m.put
        for moment, born in (
            *((x, docs.created) for x in (docs.voided, docs.disputed, docs.settled, docs.deleted)),
            *((x, docs.created[paid.document]) for x in (paid.cleared, paid.reversed, paid.deleted)),
            (put.created, docs.created[put.document]),
            (put.deleted, docs.created[put.document]),
        ):
            at = np.flatnonzero(moment < NEVER)
            assert ((moment[at] - born[at]) < (LIFE_MONTHS - 1) * 28 * DAY).all()


def test_late_rows_are_committed_after_the_day_s_run_and_inside_the_next_one_s_overlap(made: list[Made]) -> None:
    seen = 0
    for m in made:
        for created, visible in ((m.docs.created, m.docs.visible), (m.paid.created, m.paid.visible)):
            at = np.flatnonzero(visible > created)
            seen += len(at)
            run = (created[at] // DAY + 1) * DAY + 2 * 3_600_000_000
            # The run of day D is at 02:00 of D + 1; the next reads from D 02:00 on.
            assert (visible[at] > run).all() and (visible[at] < run + DAY).all()
            assert (created[at] >= run - DAY).all()
    assert seen


def test_journals_balance_and_follow_their_documents(made: list[Made]) -> None:
    for m in made:
        own: Organizations = m.life.organizations
        carded = cards.cards(m.life.plan, m.docs, m.paid)
        for event in (
            *ledger.document_events(m.docs),
            *ledger.credit_events(m.docs, m.notes),
            *ledger.payment_events(m.docs, m.paid, cards.fees(m.paid, carded)),
        ):
            rows = ledger.journals(m.life.plan, own, event)
            posted = np.flatnonzero(event.when < NEVER)
            # Every posted event has two lines or more.
            assert len(rows.created) >= 2 * len(posted)
            assert (event.visible[posted] >= event.when[posted]).all()
            assert (event.day[posted] == event.when[posted] // DAY).all()


def test_the_start_is_in_the_middle_of_a_month_and_nothing_is_before_it(made: list[Made]) -> None:
    assert month_of(PLAN.start) == 2025 * 12 + 9
    for m in made:
        assert (m.docs.created >= PLAN.start * DAY).all()
