"""Values become Trino literals of their exact type, and text can never end its own literal."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from tieout.controls.literals import identifier, literal


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, "null", id="null"),
        pytest.param(True, "true", id="boolean"),
        pytest.param(-7, "bigint '-7'", id="integer"),
        pytest.param(Decimal("1E+3"), "decimal '1000'", id="decimal-without-exponent"),
        pytest.param(Decimal("-0.5000"), "decimal '-0.5000'", id="decimal-keeps-scale"),
        pytest.param("O'Neil \\ ünïcode", "'O''Neil \\ ünïcode'", id="text"),
        pytest.param(date(2026, 11, 20), "date '2026-11-20'", id="date"),
        pytest.param(
            datetime(2026, 11, 20, 2, 0, 0, 123456, UTC), "timestamp '2026-11-20 02:00:00.123456 UTC'", id="instant"
        ),
        pytest.param(
            datetime(2026, 11, 20, 2, tzinfo=timezone(timedelta(hours=5))),
            "timestamp '2026-11-19 21:00:00.000000 UTC'",
            id="instant-of-another-zone",
        ),
        pytest.param(datetime(33, 4, 3, tzinfo=UTC), "timestamp '0033-04-03 00:00:00.000000 UTC'", id="early-year"),
    ],
)
def test_literal(value, expected):
    assert literal(value) == expected


@pytest.mark.parametrize("value", [1.5, datetime(2026, 11, 20, 2), b"x"], ids=["float", "no-zone", "bytes"])  # noqa: DTZ001
def test_what_has_no_exact_literal_is_refused(value):
    with pytest.raises(TypeError):
        literal(value)


def test_identifier_doubles_its_quotes():
    assert identifier('a"b') == '"a""b"'
