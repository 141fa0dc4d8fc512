"""Which objects of Stripe's API are pulled, and which events say that one of them has changed.

Deliberately absent: events of creation (the list by `created` has what is new), and balance transactions, of which
Stripe tells no event: all that changes of one is that it becomes available, on a day that it names from the start.
"""

from __future__ import annotations

from dataclasses import dataclass

BALANCE_TRANSACTIONS, PAYOUTS = "balance_transactions", "payouts"
# Which balance transactions an automatic payout paid out; a list of its own for each payout.
PAYOUT_BALANCE_TRANSACTIONS = "payout_balance_transactions"


@dataclass(frozen=True)
class StripeObject:
    """One kind of object. service: its attribute of `StripeClient.v1`; name: what `object` says in each of them.

    changes: types of events, at most 20, which is what one request may ask for. An event is about the object itself or
    about one that names it, as a dispute names its charge.
    """

    service: str
    name: str
    changes: tuple[str, ...] = ()


OBJECTS = {
    BALANCE_TRANSACTIONS: StripeObject("balance_transactions", "balance_transaction"),
    "charges": StripeObject(
        "charges",
        "charge",
        (
            "charge.captured",
            "charge.dispute.created",
            "charge.expired",
            "charge.failed",
            "charge.pending",
            "charge.refunded",
            "charge.succeeded",
            "charge.updated",
        ),
    ),
    "refunds": StripeObject("refunds", "refund", ("charge.refund.updated", "refund.failed", "refund.updated")),
    "disputes": StripeObject(
        "disputes",
        "dispute",
        (
            "charge.dispute.closed",
            "charge.dispute.funds_reinstated",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.updated",
        ),
    ),
    PAYOUTS: StripeObject(
        "payouts",
        "payout",
        ("payout.canceled", "payout.failed", "payout.paid", "payout.reconciliation_completed", "payout.updated"),
    ),
    "invoices": StripeObject(
        "invoices",
        "invoice",
        (
            "invoice.deleted",
            "invoice.finalized",
            "invoice.marked_uncollectible",
            "invoice.overpaid",
            "invoice.paid",
            "invoice.payment_failed",
            "invoice.payment_succeeded",
            "invoice.updated",
            "invoice.voided",
        ),
    ),
    "customers": StripeObject("customers", "customer", ("customer.deleted", "customer.updated")),
}
