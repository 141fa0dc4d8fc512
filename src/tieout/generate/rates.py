"""How often things happen in a generated company. Every share is per 10,000 of what its line names."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class FaultRates:
    """Faults between Stripe and NetSuite, per 10,000 succeeded charges. At most one a charge."""

    missing_in_erp: int = 100
    missing_in_billing: int = 100
    amount: int = 100
    duplicate_in_erp: int = 100
    currency: int = 60
    metadata: int = 100
    late_posting: int = 140


@dataclass(frozen=True)
class Rates:
    """The company's habits and its mishaps."""

    # Documents, invoices and bills alike.
    drafted: int = 3000  # of documents: entered as a draft, issued one to three days later
    abandoned: int = 3000  # of drafts: never issued
    abandoned_deleted: int = 8500  # of abandoned drafts: hard-deleted some days later
    voided: int = 150
    disputed: int = 300
    credited: int = 450
    credit_void: int = 800  # of credit notes
    # Payments.
    partly_paid: int = 1400  # of documents: paid in two parts
    left_open: int = 350  # paid in part and never wholly
    unpaid: int = 250
    overpaid: int = 120  # of invoices: more than was owed, the rest stays unallocated
    paid_twice: int = 40  # of invoices: paid in full two times
    paid_together: int = 2500  # of pairs of one customer's invoices: settled by one payment
    card_failed: int = 600  # of Stripe payments: a failed attempt first
    bank_failed: int = 200
    failed_deleted: int = 6000  # of failed attempts: hard-deleted some days later
    pending: int = 3000  # of bank payments: clear after two to four days
    reversed: int = 180
    repaid: int = 6000  # of reversed payments
    reapplied: int = 1000  # of allocations: deleted and written anew
    # Commits.
    late: int = 1200  # of transactions: committed in the night after, with their old updated_at
    faults: FaultRates = field(default_factory=FaultRates)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Rates:
        known = {f.name for f in fields(cls)}
        return cls(**{k: FaultRates(**v) if k == "faults" else v for k, v in values.items() if k in known})
