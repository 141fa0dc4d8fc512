from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tieout.local import sql

COLUMNS = [("amount", "decimal(19,4)"), ("day", "date"), ("note", "varchar")]
ROWS = [[Decimal("1234567890123.1000"), date(2026, 11, 20), None], [Decimal("-0.0001"), None, 'a "b", c']]


@pytest.fixture(autouse=True)
def result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "fetch", lambda statement, user: (COLUMNS, ROWS))


def test_csv_is_exact(capsys: pytest.CaptureFixture[str]) -> None:
    sql.run("select …", "csv")
    assert capsys.readouterr().out == ('amount,day,note\n1234567890123.1000,2026-11-20,\n-0.0001,,"a ""b"", c"\n')


def test_json_carries_decimals_as_strings(capsys: pytest.CaptureFixture[str]) -> None:
    sql.run("select …", "json")
    assert json.loads(capsys.readouterr().out) == [
        {"amount": "1234567890123.1000", "day": "2026-11-20", "note": None},
        {"amount": "-0.0001", "day": None, "note": 'a "b", c'},
    ]


def test_a_table_never_cuts_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    sql.run("select …", "table")
    out = capsys.readouterr().out
    assert "1234567890123.1000" in out
    assert "2 rows" in out


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(sql.QueryError, match="write one of table, csv, json"):
        sql.run("select 1", "xml")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(Decimal("1E-10"), "0.0000000001", id="small decimal"),
        pytest.param(Decimal("0E-10"), "0.0000000000", id="zero keeps its scale"),
        pytest.param(datetime(2026, 11, 20, 1, 2, 3, 4, tzinfo=UTC), "2026-11-20 01:02:03.000004+00:00", id="time"),
        pytest.param(True, "true", id="boolean"),
        pytest.param(None, "", id="null"),
        pytest.param([Decimal("1.50")], '["1.50"]', id="array of decimals"),
    ],
)
def test_values_are_shown_exactly(value: object, shown: str) -> None:
    assert sql.text(value) == shown
