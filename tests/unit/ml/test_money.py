"""What a model returns becomes money in one place."""

from decimal import Decimal

import pytest

from tieout.ml.money import ModelOutputError, to_floats, to_money


@pytest.mark.parametrize(
    ("value", "minor_unit", "expected"),
    [
        (2.5, 0, "2"),
        (3.5, 0, "4"),
        (0.125, 2, "0.12"),
        (0.375, 2, "0.38"),
        (1.0625, 3, "1.062"),
        (-0.001, 2, "0.00"),
        (-7.005859375, 3, "-7.006"),
    ],
)
def test_half_to_even_at_the_minor_unit(value, minor_unit, expected):
    assert str(to_money(value, minor_unit)) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e15, -1e15, 1e30, -1e300])
def test_what_is_no_amount_is_refused(value):
    with pytest.raises(ModelOutputError):
        to_money(value, 2)


def test_a_sum_may_be_larger_than_a_column():
    assert to_money(1e15, 2, precision=38) == Decimal("1e15")
    assert to_money(2.0**100, 2, precision=38) == Decimal(2**100)


def test_amounts_become_floats_for_models():
    assert to_floats([Decimal("1.25"), Decimal("0")]).tolist() == [1.25, 0.0]
