"""Months as conditions, the same on both engines."""

import pytest

from tieout.controls.checksum import BRONZE, POSTGRES, SILVER
from tieout.sources import ColumnSpec, TableSpec


def table(type_: str = "timestamptz") -> TableSpec:
    columns = (
        ColumnSpec("org_id", "uuid", "org_id", "C."),
        ColumnSpec("number", "bigint", "payment_number", "C."),
        ColumnSpec("made", type_, "made_at", "C."),
    )
    key = ("org_id", "number")
    return TableSpec("s", "postgres", "public", "t", "T.", "full", key, None, None, columns, month="made")


@pytest.mark.parametrize(
    ("engine", "type_", "expected"),
    [
        (POSTGRES, "timestamptz", "\"made\" >= timestamptz '2026-12-01 00:00:00 UTC' and "
         "\"made\" < timestamptz '2027-01-01 00:00:00 UTC'"),
        (POSTGRES, "date", "\"made\" >= date '2026-12-01' and \"made\" < date '2027-01-01'"),
        (SILVER, "timestamptz", "\"made_at\" >= timestamp '2026-12-01 00:00:00 UTC' and "
         "\"made_at\" < timestamp '2027-01-01 00:00:00 UTC'"),
        (BRONZE, "timestamp", "\"made\" >= timestamp '2026-12-01 00:00:00' and "
         "\"made\" < timestamp '2027-01-01 00:00:00'"),
        (BRONZE, "date", "\"made\" >= date '2026-12-01' and \"made\" < date '2027-01-01'"),
    ],
)  # fmt: skip
def test_a_month_is_a_span_of_the_column(engine, type_, expected):
    assert engine.of_month(table(type_), "2026-12") == expected
