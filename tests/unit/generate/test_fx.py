from fractions import Fraction

import numpy as np
import pytest

from tieout.generate.fx import ONE, convert, dollar_value, spot
from tieout.generate.world import CURRENCIES, EUR, JPY, KWD, USD

DAYS = np.arange(20_000, 20_800, dtype=np.int64)


def _all(value: int) -> np.ndarray:
    return np.full(len(DAYS), value)


def test_a_rate_is_the_ratio_of_dollar_values() -> None:
    rates = spot(7, _all(KWD), _all(JPY), DAYS)
    for rate, over, under in zip(rates, dollar_value(7, KWD, DAYS), dollar_value(7, JPY, DAYS), strict=True):
        assert abs(Fraction(int(rate), ONE) - Fraction(int(over), int(under))) <= Fraction(1, 2 * ONE)


def test_rates_move_a_little_every_day() -> None:
    rates = spot(7, _all(EUR), _all(USD), DAYS)
    assert (np.diff(rates) != 0).mean() > 0.99
    assert (abs(np.diff(rates)) * 100 < rates[1:] * 2).all(), "more than two per cent in a day"
    usual = CURRENCIES[EUR].usd
    assert ((rates > usual * 9 // 10) & (rates < usual * 11 // 10)).all()


def test_a_currency_is_worth_itself() -> None:
    assert (spot(7, _all(JPY), _all(JPY), DAYS) == ONE).all()


def test_the_rate_of_a_day_does_not_depend_on_the_days_asked_for() -> None:
    whole = spot(7, _all(EUR), _all(JPY), DAYS)
    assert (spot(7, _all(EUR)[:9], _all(JPY)[:9], DAYS[40:49]) == whole[40:49]).all()


@pytest.mark.parametrize(
    ("minor", "source", "target", "rate", "expected"),
    [
        # By hand: 12.34 USD at 150.5 is 1857.17 yen, which has no digits.
        pytest.param(1234, 2, 0, 1_505_000_000_000, 1857, id="to yen"),
        # 10 yen at 0.00205 is 0.0205 dinars: half up to 0.021.
        pytest.param(10, 0, 3, 20_500_000, 21, id="half up to dinars"),
        pytest.param(99_999_999_999, 2, 3, 3_257_000_000, 325_699_999_997, id="beyond 64 bits on the way"),
        pytest.param(7, 2, 2, ONE, 7, id="itself"),
    ],
)
def test_conversion(minor: int, source: int, target: int, rate: int, expected: int) -> None:
    got = convert(*(np.array([value], np.int64) for value in (minor, source, target, rate)))
    assert got.tolist() == [expected]
