"""Card payments as both sides of the reconciliation see them: Stripe's charge, NetSuite's receipt, and the fault."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tieout.generate import faults
from tieout.generate.documents import Documents
from tieout.generate.ids import stripe_ids
from tieout.generate.moments import DAY, HOUR, NEVER
from tieout.generate.plan import Plan
from tieout.generate.settlements import Payments
from tieout.generate.world import CURRENCIES

_MINUTE = HOUR // 60


@dataclass(frozen=True)
class Cards:
    """One row a card payment of a block. payment: position. fee: minor units. fault: position in faults.LABELS.

    refunded: moment, NEVER if it is not. available, refund_available: day on which the net can be paid out.
    posted: when NetSuite's receipt was entered.
    """

    payment: np.ndarray
    org: np.ndarray
    currency: np.ndarray
    amount: np.ndarray
    fee: np.ndarray
    failed: np.ndarray
    charged: np.ndarray
    refunded: np.ndarray
    available: np.ndarray
    refund_available: np.ndarray
    fault: np.ndarray
    posted: np.ndarray
    id: pa.Array
    balance_id: pa.StringArray
    refund_id: pa.StringArray
    refund_balance_id: pa.StringArray

    def __len__(self) -> int:
        return len(self.payment)

    @property
    def in_billing(self) -> np.ndarray:
        """bool[n]: whether Stripe's extracts have it, and its refund."""
        return self.fault != faults.MISSING_IN_BILLING

    @property
    def in_erp(self) -> np.ndarray:
        """bool[n]: whether NetSuite's extracts have, or will have, its receipt, and its refund."""
        return ~self.failed & (self.fault != faults.MISSING_IN_ERP)


def cards(plan: Plan, of: Documents, payments: Payments) -> Cards:
    """The card payments of a block of invoices."""
    payment = np.flatnonzero(payments.by_card)
    draws = payments.draws.at(payment)
    document = payments.document[payment]
    currency, amount = of.currency[document], payments.amount[payment]
    failed, charged = payments.failed[payment], payments.created[payment]
    price = np.array([c.card_fee for c in CURRENCIES], np.int64)[currency]
    fee = np.minimum((amount * price[:, 0] + 5_000) // 10_000 + price[:, 1], amount)
    fault = faults.faults(draws, plan.rates.faults, ~failed)
    # The integration posts within two hours, so on the same day. Late is more than a day and less than four.
    lag = draws.between("erp/lag", 2 * _MINUTE, 2 * HOUR)
    late = draws.between("erp/late", DAY + HOUR, 4 * DAY)
    refunded = payments.reversed[payment]
    return Cards(
        payment=payment,
        org=of.org[document],
        currency=currency,
        amount=amount,
        fee=np.where(failed, 0, fee),
        failed=failed,
        charged=charged,
        refunded=refunded,
        available=charged // DAY + 2,
        refund_available=np.where(refunded < NEVER, refunded // DAY, NEVER // DAY),
        fault=fault,
        posted=charged + np.where(fault == faults.LATE_POSTING, late, lag),
        id=payments.charge_id.take(pa.array(payment)),
        balance_id=stripe_ids(draws, "balance", "txn"),
        refund_id=stripe_ids(draws, "refund", "re"),
        refund_balance_id=stripe_ids(draws, "refund_balance", "txn"),
    )


def fees(payments: Payments, of: Cards) -> np.ndarray:
    """int64[n]: each payment's processing fee, zero for those by bank."""
    out = np.zeros(len(payments), np.int64)
    out[of.payment] = of.fee
    return out
