"""The one door between money and a model's floats, in both directions."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal

import numpy as np

from tieout.errors import TieoutError

# Room for the digits of any float: with the usual 28 a float beyond them has no amount and no message either.
EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)


class ModelOutputError(TieoutError):
    """A model returned something that is not an amount of money."""


def to_floats(amounts: Iterable[Decimal]) -> np.ndarray:
    """Amounts as float64, for a model's input only: what comes back through to_money is an estimate."""
    return np.array([float(amount) for amount in amounts], dtype=np.float64)


def to_money(value: float, minor_unit: int, precision: int = 19) -> Decimal:
    """A model's float as an amount, rounded half to even to the currency's minor unit (0 to 4 digits).

    Raises ModelOutputError for NaN, infinity, or what does not fit DECIMAL(precision, 4).
    """
    if not np.isfinite(value):
        raise ModelOutputError(f"the model returned {value}, which is no amount")
    amount = Decimal(float(value)).quantize(Decimal(1).scaleb(-minor_unit), context=EXACT)
    if abs(amount) >= Decimal(10) ** (precision - 4):
        raise ModelOutputError(f"the model returned {value:.6g}, which does not fit DECIMAL({precision},4)")
    return EXACT.plus(amount)  # -0.00 becomes 0.00
