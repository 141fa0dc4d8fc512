"""Which card payments Stripe or NetSuite got wrong, and how. A charge's label is written nowhere but in the truth."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from tieout.generate.draws import Draws
from tieout.generate.rates import FaultRates

# In the order of FaultRates' fields, after NONE.
LABELS = ("", *(f.name for f in fields(FaultRates)))
(
    NONE,
    MISSING_IN_ERP,
    MISSING_IN_BILLING,
    AMOUNT,
    DUPLICATE_IN_ERP,
    CURRENCY,
    METADATA,
    LATE_POSTING,
) = range(len(LABELS))


def faults(draws: Draws, rates: FaultRates, charged: np.ndarray) -> np.ndarray:
    """int64[n]: each payment's fault, a position in LABELS; NONE where ``charged`` is false."""
    shares = [getattr(rates, label) for label in LABELS[1:]]
    label = draws.pick("fault", [10_000 - sum(shares), *shares])
    return np.where(charged, label, NONE)
