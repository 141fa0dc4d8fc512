"""Stripe's extracts: the API's own objects as JSON lines, in minor units, lower-case currencies and unix times.

https://docs.stripe.com/api/charges/object, …/balance_transactions/object, …/refunds/object, …/payouts/object
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.generate import faults
from tieout.generate.cards import Cards
from tieout.generate.columns import choice
from tieout.generate.documents import Documents
from tieout.generate.moments import DAY, NEVER
from tieout.generate.organizations import Organizations
from tieout.generate.parties import Parties
from tieout.generate.payouts import Payouts
from tieout.generate.rows import Rows
from tieout.generate.settlements import CARD_FAILURES, Payments
from tieout.generate.world import CODES, ORGANIZATIONS

CHARGES, BALANCE, REFUNDS, PAYOUTS = (
    f"stripe/{entity}" for entity in ("charges", "balance_transactions", "refunds", "payouts")
)
_SECOND = 1_000_000
_LOWER = [code.lower() for code in CODES]
_REASONS = ["requested_by_customer", "duplicate", "fraudulent", None]


def charge_rows(
    organizations: Organizations, parties: Parties, of: Documents, payments: Payments, cards: Cards
) -> Rows:
    """Charges, succeeded and failed; delivered again when refunded."""
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
            disputed="false",
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

    return Rows(CHARGES, build, cards.charged[taken], changes=(cards.refunded[taken],), stamped=False)


def balance_rows(cards: Cards) -> tuple[Rows, Rows]:
    """What charges and refunds did to the balance; a charge's is delivered again when its net is available."""
    charged = np.flatnonzero(cards.in_billing & ~cards.failed)
    refunded = np.flatnonzero(cards.in_billing & (cards.refunded < NEVER))
    return (
        _balance(
            "charge",
            id=choice(cards.balance_id, charged),
            source=choice(cards.id, charged),
            currency=cards.currency[charged],
            amount=cards.amount[charged],
            fee=cards.fee[charged],
            created=cards.charged[charged],
            available=cards.available[charged],
        ),
        _balance(
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
            metadata=_object(org_id=_quoted(choice(organizations.id, cards.org[card]))),
            payment_intent=_quoted(_join("pi_", pc.utf8_slice_codeunits(choice(cards.id, card), 3))),
            reason=_quoted(choice(_REASONS, reason[at])),
            receipt_number="null",
            status='"succeeded"',
        )
        return {"line": line}

    return Rows(REFUNDS, build, cards.refunded[taken], stamped=False)


def payout_rows(organizations: Organizations, payouts: Payouts) -> tuple[Rows, Rows]:
    """Payouts, in transit until they arrive, and what they took out of the balance."""

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        paid = payouts.arrived[at] < until
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
            failure_code="null",
            livemode="true",
            metadata=_object(org_id=_quoted(choice(organizations.id, payouts.org[at]))),
            method='"standard"',
            source_type='"card"',
            statement_descriptor="null",
            status=choice(['"in_transit"', '"paid"'], paid.astype(np.int64)),
            type='"bank_account"',
        )
        return {"line": line}

    return (
        Rows(PAYOUTS, build, payouts.created, changes=(payouts.arrived,), stamped=False),
        _balance(
            "payout",
            id=payouts.balance_id,
            source=payouts.id,
            currency=payouts.currency,
            amount=-payouts.amount,
            fee=np.zeros(len(payouts.amount), np.int64),
            created=payouts.created,
            available=payouts.arrival_day,
        ),
    )


def _balance(
    kind: str,
    id: pa.Array,
    source: pa.Array,
    currency: np.ndarray,
    amount: np.ndarray,
    fee: np.ndarray,
    created: np.ndarray,
    available: np.ndarray,
) -> Rows:
    # Refunds are taken from the balance at once; a charge's net comes later, at midnight.
    change = np.where(available * DAY > created, available * DAY, NEVER)

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        pending = (change[at] < NEVER) & (change[at] >= until)
        money = _quoted(choice(_LOWER, currency[at]))
        price = _number(fee[at])
        details = pc.binary_join_element_wise(
            '[{"amount":', price, ',"application":null,"currency":', money,
            ',"description":"Stripe processing fees","type":"stripe_fee"}]', "",
        )  # fmt: skip
        line = _object(
            id=_quoted(choice(id, at)),
            object='"balance_transaction"',
            amount=_number(amount[at]),
            available_on=_seconds(np.maximum(available[at] * DAY, created[at])),
            created=_seconds(created[at]),
            currency=money,
            description="null",
            exchange_rate="null",
            fee=price,
            fee_details=pc.if_else(pa.array(fee[at] > 0), details, "[]"),
            net=_number(amount[at] - fee[at]),
            reporting_category=f'"{kind}"',
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
