"""Values become typed exactly or are faults; the fast way and the careful way agree."""

# ruff: noqa: DTZ001 - a timestamp column has no zone
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.extract import values as values_module
from tieout.extract.faults import AMOUNT_OUT_OF_RANGE, BAD_VALUE, MISSING_KEY, BadValue
from tieout.extract.values import accepts, convert
from tieout.sources import ColumnSpec


def column(type_: str, nullable: bool = True, money: bool = False) -> ColumnSpec:
    return ColumnSpec("c", type_, "c", "", nullable=nullable, money=money)


def read(spec: ColumnSpec, values: list[Any] | pa.Array) -> list[Any]:
    """The typed values, with the fault's code in place of a value that is refused."""
    array = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
    typed, faults = convert(spec, array)
    found = typed.to_pylist()
    for fault in faults:
        assert found[fault.row] is None
        found[fault.row] = fault.code
    return found


MONEY = column("numeric(19,4)", money=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.5", Decimal("12.5000")),
        ("-0.0001", Decimal("-0.0001")),
        (" 7 ", Decimal("7.0000")),
        ("1.", Decimal("1.0000")),
        (".5", Decimal("0.5000")),
        ("+3.10", Decimal("3.1000")),
        ("0003.10", Decimal("3.1000")),
        ("-0", Decimal("0.0000")),
        ("1.50000000", Decimal("1.5000")),
        ("999999999999999.9999", Decimal("999999999999999.9999")),
        ("1000000000000000", AMOUNT_OUT_OF_RANGE),
        ("-1000000000000000.00", AMOUNT_OUT_OF_RANGE),
        ("9" * 50, AMOUNT_OUT_OF_RANGE),
        ("1.00005", BAD_VALUE),
        ("1e2", BAD_VALUE),
        ("1,50", BAD_VALUE),
        ("1 000", BAD_VALUE),
        ("$1", BAD_VALUE),
        ("NaN", BAD_VALUE),
        (".", BAD_VALUE),
        ("-", BAD_VALUE),
        ("１２", BAD_VALUE),
        ("", None),
        ("  ", None),
        (None, None),
    ],
)
def test_amounts(text: str | None, expected: Any) -> None:
    assert read(MONEY, [text]) == [expected]
    assert read(MONEY, ["1.00", text, "2"]) == [Decimal("1.0000"), expected, Decimal("2.0000")]


@pytest.mark.parametrize(
    ("type_", "text", "expected"),
    [
        ("bigint", "5914", 5914),
        ("bigint", "-9223372036854775808", -(2**63)),
        ("bigint", "9223372036854775808", BAD_VALUE),
        ("bigint", "5914.0", BAD_VALUE),
        ("bigint", "007", 7),
        ("integer", "2147483647", 2147483647),
        ("integer", "2147483648", BAD_VALUE),
        ("boolean", "T", True),
        ("boolean", "FALSE", False),
        ("boolean", "true", True),
        ("boolean", "f", False),
        ("boolean", "1", BAD_VALUE),
        ("boolean", "yes", BAD_VALUE),
        ("unix_time", "1234567890", datetime(2009, 2, 13, 23, 31, 30, tzinfo=UTC)),
        ("unix_time", "0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("unix_time", "-1", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("unix_time", "1234567890123", BAD_VALUE),
        ("unix_time", "1234567890.5", BAD_VALUE),
        ("unix_time", "2021-03-15 01:04:36", datetime(2021, 3, 15, 1, 4, 36, tzinfo=UTC)),
        ("unix_time", "2021-03-15T01:04:36.5+02:00", datetime(2021, 3, 14, 23, 4, 36, 500000, tzinfo=UTC)),
        ("timestamptz", "2021-03-15T01:04:36Z", datetime(2021, 3, 15, 1, 4, 36, tzinfo=UTC)),
        ("timestamptz", "2021-03-15 01:04:36 UTC", datetime(2021, 3, 15, 1, 4, 36, tzinfo=UTC)),
        ("timestamptz", "2021-03-15 01:04:36-0530", datetime(2021, 3, 15, 6, 34, 36, tzinfo=UTC)),
        ("timestamp", "2017-05-07 0:00:00", datetime(2017, 5, 7)),
        ("timestamp", "2022-05-27 13:41:13", datetime(2022, 5, 27, 13, 41, 13)),
        ("timestamp", "2022-05-27", datetime(2022, 5, 27)),
        ("timestamp", "2022-05-27 13:41", datetime(2022, 5, 27, 13, 41)),
        ("timestamp", "2022-05-27T13:41:13.123456000", datetime(2022, 5, 27, 13, 41, 13, 123456)),
        ("timestamp", "2022-05-27T13:41:13.1234567", BAD_VALUE),
        ("timestamp", "2022-02-30 00:00:00", BAD_VALUE),
        ("timestamp", "2022-05-27 24:00:00", BAD_VALUE),
        ("timestamp", "5/7/2017", BAD_VALUE),
        ("timestamp", "20170507", BAD_VALUE),
        ("timestamp", "0001-01-01 00:00:00", datetime(1, 1, 1)),
        ("timestamp", "0000-01-01 00:00:00", BAD_VALUE),
        ("timestamptz", "9999-12-31 23:59:59-05:00", BAD_VALUE),
        ("date", "2022-05-27", date(2022, 5, 27)),
        ("date", "2022-05-27 00:00:00", date(2022, 5, 27)),
        ("date", "2022-05-27 00:00:01", BAD_VALUE),
        ("text", " kept as it is ", " kept as it is "),
        ("char(3)", "USD", "USD"),
        ("char(3)", "USDT", BAD_VALUE),
        ("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("uuid", "a0eebc99", BAD_VALUE),
        ("json", '{"b":1.10,"a":[]}', '{"a":[],"b":1.10}'),
        ("json", "{b:1}", BAD_VALUE),
    ],
)
def test_other_types(type_: str, text: str, expected: Any) -> None:
    assert read(column(type_), [text]) == [expected]


def test_an_empty_value_is_a_fault_where_the_column_may_not_be_null() -> None:
    assert read(column("bigint", nullable=False), ["1", "", None]) == [1, BAD_VALUE, BAD_VALUE]
    _, faults = convert(column("bigint", nullable=False), pa.array(["", "x"]), key=["c"])
    assert [(fault.row, fault.code) for fault in faults] == [(1, BAD_VALUE), (0, MISSING_KEY)]


def test_a_fault_names_column_and_value() -> None:
    _, faults = convert(MONEY, pa.array(["1.00005"]))
    assert faults[0].reason == "c: '1.00005' has more than 4 decimals, and nothing is rounded"


# Texts near what each type takes, so that both ways have work to do.
_NEAR = st.from_regex(
    r"[+-]?[0-9]{0,20}(\.[0-9]{0,12})?|[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?)?|[tTfF]|true|FALSE",
    fullmatch=True,
)
_TYPES = [
    "numeric(19,4)",
    "numeric(20,10)",
    "bigint",
    "integer",
    "boolean",
    "unix_time",
    "timestamptz",
    "timestamp",
    "date",
]


@pytest.mark.parametrize("type_", _TYPES)
@given(texts=st.lists(_NEAR, max_size=6))
def test_a_whole_column_gives_what_reading_one_by_one_gives(type_: str, texts: list[str]) -> None:
    spec = column(type_)
    one = values_module._reader(spec)

    def careful(text: str) -> Any:
        try:
            return one(text.strip()) if text.strip() else None
        except BadValue as error:
            return error.code

    assert read(spec, texts) == [careful(text) for text in texts]


@given(st.lists(st.decimals(-(10**15) + 1, 10**15 - 1, places=4), max_size=20))
def test_no_amount_changes(amounts: list[Decimal]) -> None:
    assert read(MONEY, [str(amount) for amount in amounts]) == amounts
    assert read(MONEY, pa.array(amounts, pa.decimal128(38, 10))) == amounts


# ---------------------------------------------------------------- typed files


@pytest.mark.parametrize(
    ("type_", "array", "expected"),
    [
        ("numeric(19,4)", pa.array([5, None], pa.int64()), [Decimal("5.0000"), None]),
        ("numeric(19,4)", pa.array([10**15], pa.int64()), [AMOUNT_OUT_OF_RANGE]),
        (
            "numeric(19,4)",
            pa.array([Decimal("1.00005"), Decimal("2")], pa.decimal128(20, 5)),
            [BAD_VALUE, Decimal("2.0000")],
        ),
        (
            "numeric(19,4)",
            pa.array([Decimal("0E-10"), Decimal("1E-10")], pa.decimal128(20, 10)),
            [Decimal("0.0000"), BAD_VALUE],
        ),
        ("numeric(19,4)", pa.array(["2.5"]).dictionary_encode(), [Decimal("2.5000")]),
        ("numeric(19,4)", pa.array(["2.5"], pa.large_string()), [Decimal("2.5000")]),
        ("bigint", pa.array([Decimal("5.00"), Decimal("5.50")]), [5, BAD_VALUE]),
        ("bigint", pa.array([2**64 - 1], pa.uint64()), [AMOUNT_OUT_OF_RANGE]),
        ("boolean", pa.array([True, None]), [True, None]),
        ("unix_time", pa.array([0, 2**50]), [datetime(1970, 1, 1, tzinfo=UTC), BAD_VALUE]),
        ("unix_time", pa.array([0, 2**64 - 1], pa.uint64()), [datetime(1970, 1, 1, tzinfo=UTC), BAD_VALUE]),
        ("unix_time", pa.array([1], pa.timestamp("ms")), [datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)]),
        ("timestamp", pa.array([1500, 1], pa.timestamp("ns")), [BAD_VALUE, BAD_VALUE]),
        ("timestamp", pa.array([1000, 1], pa.timestamp("ns")), [datetime(1970, 1, 1, 0, 0, 0, 1), BAD_VALUE]),
        ("timestamp", pa.array([0], pa.timestamp("s", "Asia/Tokyo")), [datetime(1970, 1, 1)]),
        ("timestamptz", pa.array([date(2020, 1, 2)]), [datetime(2020, 1, 2, tzinfo=UTC)]),
        ("date", pa.array([datetime(2020, 1, 2), datetime(2020, 1, 2, 3)]), [date(2020, 1, 2), BAD_VALUE]),
        ("json", pa.array([{"b": Decimal("1.10"), "a": [1]}, None]), ['{"a":[1],"b":1.10}', None]),
    ],
)
def test_typed_values(type_: str, array: pa.Array, expected: list[Any]) -> None:
    spec = column(type_, money=True)
    assert accepts(spec, array.type)
    assert read(spec, array) == expected


@pytest.mark.parametrize(
    ("type_", "arrow"),
    [
        ("numeric(19,4)", pa.float64()),
        ("bigint", pa.float64()),
        ("unix_time", pa.float64()),
        ("text", pa.int64()),
        ("boolean", pa.int8()),
        ("timestamp", pa.int64()),
        ("numeric(19,4)", pa.bool_()),
        ("json", pa.binary()),
    ],
)
def test_types_that_could_lose_or_guess_are_not_accepted(type_: str, arrow: pa.DataType) -> None:
    assert not accepts(column(type_), arrow)


def test_instants_outside_the_years_that_can_be_held_are_faults() -> None:
    _, faults = convert(column("timestamp"), pa.array([0, 2**61], pa.timestamp("us")))
    assert [(fault.row, fault.code) for fault in faults] == [(1, BAD_VALUE)]
