"""Budget execution in the app database: release by quarter, commit, pay, and take back.

A call is one transaction, or a part of the caller's. The limits are kept by the database (migration 0008), for these
calls as for every other writer; here they become errors with a type. Amounts are Decimal, in the currency of the
program's budget. Deliberately absent: proposing and adopting budgets, which are plain rows that no limit binds.
"""

from tieout.budget.entries import Entry, Voucher
from tieout.budget.errors import (
    AllotmentExceeded,
    BudgetError,
    InvalidEntry,
    LimitExceeded,
    LineItemExceeded,
    NoSuchEntry,
    ObligationExceeded,
    ReferenceReused,
    ReversalExceeded,
)
from tieout.budget.execution import (
    record_disbursement,
    record_obligation,
    release_quarterly_allotment,
    reverse_allotment,
    reverse_disbursement,
    reverse_obligation,
)

__all__ = [
    "AllotmentExceeded",
    "BudgetError",
    "Entry",
    "InvalidEntry",
    "LimitExceeded",
    "LineItemExceeded",
    "NoSuchEntry",
    "ObligationExceeded",
    "ReferenceReused",
    "ReversalExceeded",
    "Voucher",
    "record_disbursement",
    "record_obligation",
    "release_quarterly_allotment",
    "reverse_allotment",
    "reverse_disbursement",
    "reverse_obligation",
]
