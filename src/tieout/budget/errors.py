"""What budget execution refuses. After each of these nothing of the call was written."""

from __future__ import annotations

from decimal import Decimal

from tieout.errors import TieoutError


class BudgetError(TieoutError):
    """Base of what budget execution refuses."""


class InvalidEntry(BudgetError):
    """An argument that no row can have: an amount, a quarter, a date, an account or an empty text."""


class NoSuchEntry(BudgetError):
    """What was named is not there; or it is itself an adjustment, on which nothing can be built."""


class WrongState(BudgetError):
    """The proposal or work item is not in the state that the call needs.

    found: its status. needed: those that would do.
    """

    def __init__(self, message: str, found: str, needed: tuple[str, ...]):
        super().__init__(message)
        self.found, self.needed = found, needed


class ProgramHasBudget(BudgetError):
    """The program has an adopted budget for the fiscal year: it is amended, not adopted again."""


class ReferenceReused(BudgetError):
    """The reference belongs to another entry: a retry has to repeat the call exactly."""


class LimitExceeded(BudgetError):
    """More was asked than is left. Amounts are Decimal in the entry's currency.

    limit: what stands of the entry that was asked. used: what had been used of it. asked: what the call wanted of it.
    """

    def __init__(self, message: str, limit: Decimal, used: Decimal, asked: Decimal):
        super().__init__(message)
        self.limit, self.used, self.asked = limit, used, asked

    @property
    def left(self) -> Decimal:
        return self.limit - self.used


class ProposalExceeded(LimitExceeded):
    """The lines of a budget would exceed what was proposed."""


class LineItemExceeded(LimitExceeded):
    """The allotments of a line item would exceed it."""


class AllotmentExceeded(LimitExceeded):
    """The obligations of an allotment would exceed it."""


class ObligationExceeded(LimitExceeded):
    """The disbursements of an obligation would exceed it."""


class ReversalExceeded(LimitExceeded):
    """More would be taken back than stands unused."""
