"""JSON keeps every digit, and equal values give equal text."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.extract.json_text import InvalidJson, canonical, parse

numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_a_number_never_passes_through_a_float() -> None:
    assert parse("0.1000000000000000055511151231257827") == Decimal("0.1000000000000000055511151231257827")
    assert parse("9007199254740993") == 9007199254740993


@given(values)
@settings(max_examples=50)
def test_what_is_written_is_read_back(value: object) -> None:
    assert parse(canonical(value)) == value


def test_a_character_may_be_a_pair_of_escapes() -> None:
    assert parse('"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


def test_a_float_that_is_no_number_is_text_as_json_has_no_word_for_it() -> None:
    text = canonical({"rates": [1.5, float("nan"), float("inf"), float("-inf")]})
    assert parse(text) == {"rates": [Decimal("1.5"), "NaN", "Infinity", "-Infinity"]}


def test_the_order_of_names_does_not_matter() -> None:
    left, right = '{"b": [1.50, {"z": null, "a": "ü"}], "a": true}', '{"a":true,"b":[1.50,{"a":"\\u00fc","z":null}]}'
    assert canonical(parse(left)) == canonical(parse(right)) == '{"a":true,"b":[1.50,{"a":"ü","z":null}]}'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "character"),
        ("", "character"),
        ('{"a": 1} x', "Extra data"),
        ('{"amount": 1, "amount": 2}', "amount occurs twice"),
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "Infinity"),
        ("[" * 100_000, "nested"),
        ("9" * 5000, "digit"),
        ('{"name": "\\ud83d"}', "half a character"),
        ('[{"\\uDE00": 1.5}]', "half a character"),
    ],
    ids=["open", "empty", "trailing", "name twice", "nan", "infinity", "deep", "endless number", "half", "half name"],
)
def test_what_is_no_json_or_has_two_meanings_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidJson, match=says):
        parse(text)
