"""Budget execution in the app database: propose and adopt, release by quarter, commit, pay, and take back.

A call is one transaction, or a part of the caller's. The limits are kept by the database (migration 0010), for these
calls as for every other writer; here they become errors with a type. Amounts are Decimal, in the currency of the
program's budget.
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
    ProgramHasBudget,
    ProposalExceeded,
    ReferenceReused,
    ReversalExceeded,
    WrongState,
)
from tieout.budget.execution import (
    record_disbursement,
    record_obligation,
    release_quarterly_allotment,
    reverse_allotment,
    reverse_disbursement,
    reverse_obligation,
)
from tieout.budget.proposals import (
    Adopted,
    Line,
    Proposal,
    adopt_proposal,
    justify_budget,
    propose_budget,
    reject_proposal,
    submit_proposal,
)
from tieout.budget.work import WorkItem, assign_work_item, cancel_work_item, close_work_item, open_work_item

__all__ = [
    "Adopted",
    "AllotmentExceeded",
    "BudgetError",
    "Entry",
    "InvalidEntry",
    "LimitExceeded",
    "Line",
    "LineItemExceeded",
    "NoSuchEntry",
    "ObligationExceeded",
    "ProgramHasBudget",
    "Proposal",
    "ProposalExceeded",
    "ReferenceReused",
    "ReversalExceeded",
    "Voucher",
    "WorkItem",
    "WrongState",
    "adopt_proposal",
    "assign_work_item",
    "cancel_work_item",
    "close_work_item",
    "justify_budget",
    "open_work_item",
    "propose_budget",
    "record_disbursement",
    "record_obligation",
    "reject_proposal",
    "release_quarterly_allotment",
    "reverse_allotment",
    "reverse_disbursement",
    "reverse_obligation",
    "submit_proposal",
]
