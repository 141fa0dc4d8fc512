from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from tieout.generate.columns import choice, days, moments, money, rate


@pytest.mark.parametrize(
    ("minor", "digits", "text"),
    [
        pytest.param(1234, 0, "1234.0000", id="yen"),
        pytest.param(1234, 2, "12.3400", id="dollars"),
        pytest.param(1234, 3, "1.2340", id="dinars"),
        pytest.param(1, 4, "0.0001", id="four digits"),
        pytest.param(-1, 2, "-0.0100", id="negative"),
        pytest.param(0, 2, "0.0000", id="zero"),
        pytest.param(99_999_999_999, 2, "999999999.9900", id="large"),
        pytest.param(-9_223_372_036_854_775, 1, "-922337203685477.5000", id="beyond 53 bits"),
    ],
)
def test_minor_units_become_exact_decimals(minor: int, digits: int, text: str) -> None:
    column = money(np.array([minor]), np.array([digits]))
    column.validate(full=True)
    assert str(column[0].as_py()) == text


def test_rates_count_ten_digits() -> None:
    assert rate(np.array([15_000_000_001]))[0].as_py() == Decimal("1.5000000001")


def test_moments_and_days() -> None:
    assert moments(np.array([1_000_001]))[0].as_py() == datetime(1970, 1, 1, 0, 0, 1, 1, tzinfo=UTC)
    assert days(np.array([20_000, 10**6]), np.array([True, False])).to_pylist() == [date(2024, 10, 4), None]


def test_choice_gives_null_where_unknown() -> None:
    assert choice(["a", "b"], np.array([1, 0, -1]), np.array([True, True, False])).to_pylist() == ["b", "a", None]
