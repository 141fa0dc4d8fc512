"""Narrowing: only buckets that differ are compared, and what differs is told apart."""

import pytest

from tieout.controls import drift
from tieout.controls.drift import DIFFERENT, MISSING_IN_LAKE, MISSING_IN_SOURCE, DifferingRow


def test_buckets_that_agree_are_done_with():
    groups = drift._differing_buckets({1: (2, 10), 2: (1, 5), 3: (1, 1)}, {1: (2, 10), 2: (1, 6), 4: (1, 1)})
    assert list(groups) == [[2, 3, 4]]


def test_groups_of_buckets_are_bounded(monkeypatch):
    monkeypatch.setattr(drift, "_ROWS_AT_ONCE", 10)
    source = {1: (6, 1), 2: (5, 1), 3: (4, 1), 4: (30, 1), 5: (1, 1)}
    assert list(drift._differing_buckets(source, {})) == [[1], [2, 3], [4], [5]]


def test_a_statement_names_a_bounded_number_of_buckets(monkeypatch):
    monkeypatch.setattr(drift, "_BUCKETS_AT_ONCE", 2)
    assert list(drift._differing_buckets(dict.fromkeys(range(5), (1, 1)), {})) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    ("rows", "bits"),
    [(0, 12), (4096 * 128 - 1, 12), (4096 * 128, 13), (1_500_000, 14), (10**9, 18)],
)
def test_buckets_hold_some_hundred_rows_within_bounds(rows, bits):
    assert drift.bucket_bits(rows) == bits


def test_rows_are_missing_on_a_side_or_different():
    source = {("a",): (1,), ("b",): (2,), ("c",): (3,)}
    silver = {("b",): (2,), ("c",): (4,), ("d",): (5,)}
    assert list(drift._compare(source, silver)) == [
        DifferingRow(("a",), MISSING_IN_LAKE),
        DifferingRow(("c",), DIFFERENT),
        DifferingRow(("d",), MISSING_IN_SOURCE),
    ]


def test_a_row_that_is_there_twice_differs():
    assert list(drift._compare({("a",): (1,)}, {("a",): (1, 1)})) == [DifferingRow(("a",), DIFFERENT)]
