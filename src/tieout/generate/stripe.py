"""Stripe's extracts: the API's own objects as JSON lines, in minor units, lower-case currencies and unix times.

https://docs.stripe.com/api/charges/object, …/balance_transactions/object, …/refunds/object, …/payouts/object,
…/disputes/object, …/invoices/object, …/customers/object
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.generate import faults
from tieout.generate.cards import Cards
from tieout.generate.columns import choice
from tieout.generate.disputes import Disputes
from tieout.generate.documents import Documents
from tieout.generate.ids import stripe_ids
from tieout.generate.moments import DAY, NEVER
from tieout.generate.organizations import Organizations
from tieout.generate.parties import Parties
from tieout.generate.payouts import Parts, Payouts
from tieout.generate.rows import Rows
from tieout.generate.settlements import CARD_FAILURES, Payments
from tieout.generate.world import CODES, ORGANIZATIONS

CHARGES, BALANCE, REFUNDS, PAYOUTS, PARTS, DISPUTES, INVOICES, CUSTOMERS = (
    f"stripe/{entity}"
    for entity in (
        "charges",
        "balance_transactions",
        "refunds",
        "payouts",
        "payout_balance_transactions",
        "disputes",
        "invoices",
        "customers",
    )
)
# One customer in so many is billed through Stripe.
_BILLED = 10
_SECOND = 1_000_000
_LOWER = [code.lower() for code in CODES]
_REASONS = ["requested_by_customer", "duplicate", "fraudulent", None]


def charge_rows(
    organizations: Organizations,
    parties: Parties,
    of: Documents,
    payments: Payments,
    cards: Cards,
    disputes: Disputes,
) -> Rows:
    """Charges, succeeded and failed; delivered again when refunded or disputed."""
    disputed = np.full(len(cards), NEVER)
    disputed[disputes.card] = disputes.opened
    taken = np.flatnonzero(cards.in_billing)
    draws = payments.draws.at(cards.payment[taken])
    quoted_names = pa.array([json.dumps(name, ensure_ascii=False) for name in parties.name.to_pylist()])
    other = 1 + draws.below("fault/other_org", len(ORGANIZATIONS) - 1)
    without = draws.chance("fault/no_org", 5_000)

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        card = taken[at]
        payment = cards.payment[card]
        document = payments.document[payment]
        failed, back = cards.failed[card], cards.refunded[card] < until
        amount = _number(cards.amount[card])
        wrong = cards.fault[card] == faults.METADATA
        org = np.where(wrong, (cards.org[card] + other[at]) % len(ORGANIZATIONS), cards.org[card])
        metadata = pc.if_else(
            pa.array(wrong & without[at]),
            "{}",
            _object(
                org_id=_quoted(choice(organizations.id, org)),
                invoice_number=_quoted(choice(of.number, document)),
            ),
        )
        failure = draws.at(at).below("payment/failure", len(CARD_FAILURES))
        name = choice(quoted_names, of.party[document])
        mail = _quoted(choice(parties.email, of.party[document]))
        code = _quoted(choice(CARD_FAILURES, failure, failed))
        line = _object(
            id=_quoted(choice(cards.id, card)),
            object='"charge"',
            amount=amount,
            amount_captured=_number(np.where(failed, 0, cards.amount[card])),
            amount_refunded=_number(np.where(back, cards.amount[card], 0)),
            application="null",
            application_fee_amount="null",
            balance_transaction=_quoted(choice(cards.balance_id, card, ~failed)),
            billing_details=_object(email=mail, name=name, phone="null"),
            captured=_boolean(~failed),
            created=_seconds(cards.charged[card]),
            currency=_quoted(choice(_LOWER, cards.currency[card])),
            customer=_quoted(_join("cus_", choice(parties.number, of.party[document]))),
            description=_quoted(_join("Invoice ", choice(of.number, document))),
            disputed=_boolean(disputed[card] < until),
            failure_code=code,
            failure_message=pc.if_else(pa.array(failed), '"Your card was declined."', "null"),
            invoice="null",
            livemode="true",
            metadata=metadata,
            paid=_boolean(~failed),
            payment_intent=_quoted(_join("pi_", pc.utf8_slice_codeunits(choice(cards.id, card), 3))),
            receipt_email=mail,
            refunded=_boolean(back),
            statement_descriptor="null",
            status=choice(['"succeeded"', '"failed"'], failed.astype(np.int64)),
        )
        return {"line": line}

    changes = (cards.refunded[taken], disputed[taken])
    return Rows(CHARGES, build, cards.charged[taken], changes=changes, stamped=False)


def balance_rows(cards: Cards) -> tuple[Rows, Rows]:
    """What charges and refunds did to the balance; a charge's is delivered again when its net is available."""
    charged = np.flatnonzero(cards.in_billing & ~cards.failed)
    refunded = np.flatnonzero(cards.in_billing & (cards.refunded < NEVER))
    return (
        movements(
            "charge",
            "charge",
            id=choice(cards.balance_id, charged),
            source=choice(cards.id, charged),
            currency=cards.currency[charged],
            amount=cards.amount[charged],
            fee=cards.fee[charged],
            created=cards.charged[charged],
            available=cards.available[charged],
        ),
        movements(
            "refund",
            "refund",
            id=choice(cards.refund_balance_id, refunded),
            source=choice(cards.refund_id, refunded),
            currency=cards.currency[refunded],
            amount=-cards.amount[refunded],
            fee=np.zeros(len(refunded), np.int64),
            created=cards.refunded[refunded],
            available=cards.refund_available[refunded],
        ),
    )


def refund_rows(organizations: Organizations, payments: Payments, cards: Cards) -> Rows:
    """A refund for each charge that was reversed, always of the whole amount."""
    taken = np.flatnonzero(cards.in_billing & (cards.refunded < NEVER))
    reason = payments.draws.at(cards.payment[taken]).below("refund/reason", len(_REASONS))

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        card = taken[at]
        line = _object(
            id=_quoted(choice(cards.refund_id, card)),
            object='"refund"',
            amount=_number(cards.amount[card]),
            balance_transaction=_quoted(choice(cards.refund_balance_id, card)),
            charge=_quoted(choice(cards.id, card)),
            created=_seconds(cards.refunded[card]),
            currency=_quoted(choice(_LOWER, cards.currency[card])),
            failure_balance_transaction="null",
            metadata=_object(org_id=_quoted(choice(organizations.id, cards.org[card]))),
            payment_intent=_quoted(_join("pi_", pc.utf8_slice_codeunits(choice(cards.id, card), 3))),
            reason=_quoted(choice(_REASONS, reason[at])),
            receipt_number="null",
            status='"succeeded"',
        )
        return {"line": line}

    return Rows(REFUNDS, build, cards.refunded[taken], stamped=False)


def payout_rows(organizations: Organizations, payouts: Payouts, source_type: str = "card") -> list[Rows]:
    """Payouts, in transit until they arrive or fail, and what they took out of the balance or gave back to it."""

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        back = payouts.returned[at] < until
        status = np.where(back, 2, payouts.arrived[at] < until)
        line = _object(
            id=_quoted(choice(payouts.id, at)),
            object='"payout"',
            amount=_number(payouts.amount[at]),
            arrival_date=_seconds(payouts.arrival_day[at] * DAY),
            automatic="true",
            balance_transaction=_quoted(choice(payouts.balance_id, at)),
            created=_seconds(payouts.created[at]),
            currency=_quoted(choice(_LOWER, payouts.currency[at])),
            description='"STRIPE PAYOUT"',
            failure_balance_transaction=pc.if_else(pa.array(back), _quoted(choice(payouts.return_id, at)), "null"),
            failure_code=pc.if_else(pa.array(back), '"could_not_process"', "null"),
            livemode="true",
            metadata=_object(org_id=_quoted(choice(organizations.id, payouts.org[at]))),
            method='"standard"',
            original_payout="null",
            reversed_by="null",
            source_type=f'"{source_type}"',
            statement_descriptor="null",
            status=choice(['"in_transit"', '"paid"', '"failed"'], status.astype(np.int64)),
            type='"bank_account"',
        )
        return {"line": line}

    def movement(kind: str, ids: pa.Array, at: np.ndarray, amount: np.ndarray, created: np.ndarray) -> Rows:
        return movements(
            kind,
            "payout_reversal" if kind == "payout_failure" else kind,
            id=choice(ids, at),
            source=choice(payouts.id, at),
            currency=payouts.currency[at],
            amount=amount[at],
            fee=np.zeros(len(at), np.int64),
            created=created[at],
            available=payouts.arrival_day[at] if kind == "payout" else created[at] // DAY,
        )

    returned = np.flatnonzero(payouts.returned < NEVER)
    return [
        Rows(PAYOUTS, build, payouts.created, changes=(payouts.arrived, payouts.returned), stamped=False),
        movement("payout", payouts.balance_id, np.arange(len(payouts)), -payouts.amount, payouts.created),
        movement("payout_failure", payouts.return_id, returned, payouts.amount, payouts.returned),
    ]


def part_rows(parts: Parts) -> Rows:
    """Which movements each payout paid out, as listing balance transactions by payout says it."""

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        line = _object(
            payout=_quoted(choice(parts.payout_id, at)), balance_transaction=_quoted(choice(parts.balance_id, at))
        )
        return {"line": line}

    return Rows(PARTS, build, parts.created, stamped=False)


def dispute_rows(cards: Cards, disputes: Disputes) -> list[Rows]:
    """Disputes, under review until they are won or lost, and what they took out of the balance or gave back to it."""
    card, currency = disputes.card, cards.currency[disputes.card]
    amount = cards.amount[card]

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        closed, back = disputes.closed[at] < until, disputes.returned[at] < until
        taken, given = (_quoted(choice(ids, at)) for ids in (disputes.balance_id, disputes.return_id))
        both = pc.binary_join_element_wise(taken, given, ",")
        line = _object(
            id=_quoted(choice(disputes.id, at)),
            object='"dispute"',
            amount=_number(amount[at]),
            balance_transactions=pc.binary_join_element_wise("[", pc.if_else(pa.array(back), both, taken), "]", ""),
            charge=_quoted(choice(cards.id, card[at])),
            created=_seconds(disputes.opened[at]),
            currency=_quoted(choice(_LOWER, currency[at])),
            is_charge_refundable="false",
            livemode="true",
            metadata="{}",
            payment_intent=_quoted(_join("pi_", pc.utf8_slice_codeunits(choice(cards.id, card[at]), 3))),
            reason=choice(['"fraudulent"', '"product_not_received"', '"general"'], disputes.reason[at]),
            status=choice(
                ['"under_review"', '"lost"', '"won"'],
                np.where(closed, np.where(disputes.returned[at] < NEVER, 2, 1), 0),
            ),
        )
        return {"line": line}

    won = np.flatnonzero(disputes.returned < NEVER)
    return [
        Rows(DISPUTES, build, disputes.opened, changes=(disputes.closed,), stamped=False),
        movements(
            "adjustment",
            "dispute",
            id=disputes.balance_id,
            source=disputes.id,
            currency=currency,
            amount=-amount,
            fee=disputes.fee,
            created=disputes.opened,
            available=disputes.opened // DAY,
        ),
        movements(
            "adjustment",
            "dispute_reversal",
            id=choice(disputes.return_id, won),
            source=choice(disputes.id, won),
            currency=currency[won],
            amount=amount[won],
            fee=np.zeros(len(won), np.int64),
            created=disputes.returned[won],
            available=disputes.returned[won] // DAY,
        ),
    ]


def customer_rows(parties: Parties) -> Rows:
    """Customers who pay through Stripe; delivered again when they are renamed."""
    taken = np.flatnonzero(parties.by_card)
    names = [
        pa.array([json.dumps(name, ensure_ascii=False) for name in texts.to_pylist()])
        for texts in (parties.name, parties.renamed_name)
    ]

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        who = taken[at]
        now = pa.array(parties.renamed[who] < until)
        line = _object(
            id=_quoted(_join("cus_", choice(parties.number, who))),
            object='"customer"',
            balance="0",
            created=_seconds(parties.created[who]),
            currency=_quoted(choice(_LOWER, parties.currency[who])),
            delinquent="false",
            description="null",
            email=_quoted(pc.if_else(now, choice(parties.renamed_email, who), choice(parties.email, who))),
            livemode="true",
            metadata=_object(customer_id=_quoted(choice(parties.id, who))),
            name=pc.if_else(now, choice(names[1], who), choice(names[0], who)),
        )
        return {"line": line}

    return Rows(CUSTOMERS, build, parties.created[taken], changes=(parties.renamed[taken],), stamped=False)


def invoice_rows(parties: Parties, of: Documents, payments: Payments, cards: Cards) -> Rows:
    """Invoices of the customers who are billed through Stripe, as far as one charge pays them whole."""
    document = payments.document[cards.payment]
    whole = ~cards.failed & cards.in_billing & (cards.amount == of.total[document])
    taken = np.flatnonzero(whole & (of.party[document] % _BILLED == 0))
    # An invoice that was paid twice is one invoice.
    taken = taken[np.sort(np.unique(document[taken], return_index=True)[1])]
    document = document[taken]
    ids = stripe_ids(of.draws.at(document), "invoice", "in")

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        which, card = document[at], taken[at]
        paid = cards.charged[card] < until
        total = of.total[which]
        line = _object(
            id=_quoted(choice(ids, at)),
            object='"invoice"',
            amount_due=_number(total),
            amount_paid=_number(np.where(paid, total, 0)),
            amount_remaining=_number(np.where(paid, 0, total)),
            billing_reason='"manual"',
            charge=pc.if_else(pa.array(paid), _quoted(choice(cards.id, card)), "null"),
            created=_seconds(of.issued[which]),
            currency=_quoted(choice(_LOWER, of.currency[which])),
            customer=_quoted(_join("cus_", choice(parties.number, of.party[which]))),
            description="null",
            due_date=_seconds(of.due_day[which] * DAY),
            livemode="true",
            metadata=_object(invoice_id=_quoted(choice(of.id, which))),
            number=_quoted(choice(of.number, which)),
            status=choice(['"open"', '"paid"'], paid.astype(np.int64)),
            subtotal=_number(of.subtotal[which]),
            tax=_number(of.tax[which]),
            total=_number(total),
        )
        return {"line": line}

    changes = (cards.charged[taken],)
    return Rows(INVOICES, build, of.issued[document], changes=changes, stamped=False)


def movements(
    kind: str,
    category: str,
    *,
    id: pa.Array,
    source: pa.Array,
    currency: np.ndarray,
    amount: np.ndarray,
    fee: np.ndarray,
    created: np.ndarray,
    available: np.ndarray,
    description: str = "null",
) -> Rows:
    """Balance transactions of one kind. source: text, NULL for none. description: JSON text."""
    # Refunds are taken from the balance at once; a charge's net comes later, at midnight.
    change = np.where(available * DAY > created, available * DAY, NEVER)
    fee_for = "Dispute fee" if category == "dispute" else "Stripe processing fees"

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        pending = (change[at] < NEVER) & (change[at] >= until)
        money = _quoted(choice(_LOWER, currency[at]))
        price = _number(fee[at])
        details = pc.binary_join_element_wise(
            '[{"amount":', price, ',"application":null,"currency":', money,
            f',"description":"{fee_for}","type":"stripe_fee"}}]', "",
        )  # fmt: skip
        line = _object(
            id=_quoted(choice(id, at)),
            object='"balance_transaction"',
            amount=_number(amount[at]),
            available_on=_seconds(np.maximum(available[at] * DAY, created[at])),
            created=_seconds(created[at]),
            currency=money,
            description=description,
            exchange_rate="null",
            fee=price,
            fee_details=pc.if_else(pa.array(fee[at] > 0), details, "[]"),
            net=_number(amount[at] - fee[at]),
            reporting_category=f'"{category}"',
            source=_quoted(choice(source, at)),
            status=choice(['"available"', '"pending"'], pending.astype(np.int64)),
            type=f'"{kind}"',
        )
        return {"line": line}

    return Rows(BALANCE, build, created, changes=(change,), stamped=False)


def _object(**members: pa.Array | str) -> pa.Array:
    """A JSON object a row; each member is JSON text already, one a row or the same for all."""
    pieces: list[pa.Array | str] = []
    literal = "{"
    for name, value in members.items():
        literal += f'"{name}":'
        if isinstance(value, str):
            literal += value
        else:
            pieces += [literal, value]
            literal = ""
        literal += ","
    pieces.append(literal[:-1] + "}")
    return pc.binary_join_element_wise(*pieces, "")


def _quoted(text: pa.Array) -> pa.Array:
    """JSON strings of text that needs no escape; null for NULL."""
    return pc.fill_null(pc.binary_join_element_wise('"', text, '"', ""), "null")


def _join(*parts: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _number(values: np.ndarray) -> pa.Array:
    return pa.array(values, pa.int64()).cast(pa.string())


def _seconds(moments: np.ndarray) -> pa.Array:
    return _number(moments // _SECOND)


def _boolean(values: np.ndarray) -> pa.Array:
    return choice(["false", "true"], values.astype(np.int64))
