"""A company that another version made: its last day can be read, and it says why it cannot live on and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from tieout.generate import GenerateError, advance, run
from tieout.generate.plan import Plan
from tieout.generate.state import read_last_day, read_state
from tieout.generate.target import Target

LAST = date(2026, 10, 31)
PLAN = Plan.of("tiny", 3, date(2026, 8, 1), LAST)


def connection(stored: dict[str, Any] | None) -> Any:
    """A connection to a database whose generator.state holds a plan, None for nothing."""
    row = (stored, LAST) if stored else None
    return SimpleNamespace(execute=lambda *_: SimpleNamespace(fetchone=lambda: row))


def target(stored: dict[str, Any]) -> Target:
    @contextmanager
    def connect(**_: Any) -> Iterator[Any]:
        yield connection(stored)

    return Target(connect, None, "landing", Path("truth"))


OTHERS = [
    pytest.param({**asdict(PLAN), "moons": 2}, "moons", id="a member too many"),
    pytest.param({name: value for name, value in asdict(PLAN).items() if name != "bills"}, "bills", id="one too few"),
    pytest.param({name: value for name, value in asdict(PLAN).items() if name != "rates"}, "rates", id="no rates"),
    pytest.param({**asdict(PLAN), "rates": {"faults": {"moons": 2}}}, "moons", id="another fault"),
]


def test_what_was_written_is_read() -> None:
    state = read_state(connection(asdict(PLAN)))
    assert state is not None
    assert (state.plan, state.last_day) == (PLAN, LAST)
    assert (read_state(connection(None)), read_last_day(connection(None))) == (None, None)


@pytest.mark.parametrize(("stored", "named"), OTHERS)
def test_a_company_of_another_version_says_that_it_cannot_live_on(stored: dict[str, Any], named: str) -> None:
    assert read_last_day(connection(stored)) == LAST
    with pytest.raises(GenerateError, match=rf"{named}.*another version.*tieout generate --replace"):
        advance(1, target=target(stored))


def test_new_rows_that_do_not_fit_the_past_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def news(*_: Any) -> None:
        raise psycopg.errors.ForeignKeyViolation("payments breaks payments_org_id_fkey\nDETAIL: org 7 is not there")

    monkeypatch.setattr(run, "_news", news)
    with pytest.raises(GenerateError, match=r"payments_org_id_fkey DETAIL: org 7.*tieout generate --replace"):
        advance(1, target=target(asdict(PLAN)))
