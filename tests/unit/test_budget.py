"""What a call of budget execution refuses before the database is asked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tieout import budget

ID = UUID(int=1)


class Database:
    """A connection to a database whose constraints refuse every row."""

    def transaction(self) -> nullcontext:
        return nullcontext()

    def execute(self, statement: str, *_: Any) -> None:
        if "set_config" not in statement:
            raise psycopg.errors.CheckViolation("a check constraint is violated")

    def cursor(self, **_: Any) -> nullcontext:
        return nullcontext(self)


@pytest.mark.parametrize("day", [date(1899, 12, 31), date(2200, 1, 1)], ids=["before", "after"])
@pytest.mark.parametrize("call", [budget.reject_proposal, budget.close_work_item, budget.cancel_work_item])
def test_a_day_that_no_row_can_have_is_an_invalid_entry(call: Callable[..., None], day: date) -> None:
    with pytest.raises(budget.InvalidEntry, match=f"the day {day} is none: give one between 1900 and 2199"):
        call(Database(), ID, day, "ada")
