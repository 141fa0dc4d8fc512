"""What is typed for a budget is read exactly or refused, before the app database is asked."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner

from tieout import planning
from tieout.cli import app


def typed(**changes: str) -> list[str]:
    options = {"account": "a", "month": "2027-01", "amount": "1500.50", **changes}
    return ["budget", *(part for name, value in options.items() for part in (f"--{name}", value))]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"month": "2027-13"}, "'2027-13' is no month", id="month"),
        pytest.param({"month": "2027-01-15"}, "'2027-01-15' is no month", id="day"),
        pytest.param({"amount": "1,500"}, "'1,500' is no amount", id="amount"),
        pytest.param({"amount": "0.005"}, "nothing is rounded", id="third decimal"),
        pytest.param({"amount": "Infinity"}, "is no number", id="infinite"),
    ],
)
def test_what_cannot_be_read_is_refused(changes: dict[str, str], says: str) -> None:
    result = CliRunner().invoke(app, typed(**changes))
    assert result.exit_code == 1
    assert says in result.stderr


def test_a_negative_amount_is_an_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(planning, "enter", lambda *entry: made.append(entry[:4]) or "id")
    result = CliRunner().invoke(app, typed(amount="-12000.01", scenario="Forecast"))
    assert result.stdout == "entered id\n"
    assert made == [("a", date(2027, 1, 1), Decimal("-12000.01"), "Forecast")]
