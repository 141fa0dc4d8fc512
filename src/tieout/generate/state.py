"""Where the generator stands, kept in the app database so that it changes in one transaction with the rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from tieout.generate.plan import Plan, PlanError
from tieout.generate.rates import Rates

# Outside public: the state of a tool is no table of the company.
_TABLE = """
create schema if not exists generator;
create table if not exists generator.state (
  only_row boolean primary key default true check (only_row),
  plan jsonb not null,
  last_day date not null
)
"""


@dataclass(frozen=True)
class State:
    """The plan, and the last day that was lived."""

    plan: Plan
    last_day: date


def read_state(conn: psycopg.Connection) -> State | None:
    """The state, None when nothing was generated. Holds it until the transaction ends: one generator at a time.

    Raises PlanError when another version has left it.
    """
    row = _read(conn)
    return State(_plan(row[0]), row[1]) if row else None


def read_last_day(conn: psycopg.Connection) -> date | None:
    """The last day that was lived, whichever version made the company; None for none. Holds the state as read_state."""
    row = _read(conn)
    return row[1] if row else None


def write_state(conn: psycopg.Connection, state: State) -> None:
    conn.execute(
        """
        insert into generator.state (plan, last_day) values (%s, %s)
        on conflict (only_row) do update set plan = excluded.plan, last_day = excluded.last_day
        """,
        (Jsonb(asdict(state.plan)), state.last_day),
    )


def _read(conn: psycopg.Connection) -> tuple[dict[str, Any], date] | None:
    conn.execute(_TABLE)
    conn.execute("lock table generator.state in exclusive mode")
    return conn.execute("select plan, last_day from generator.state").fetchone()


def _plan(stored: dict[str, Any]) -> Plan:
    try:
        return Plan(**{**stored, "rates": Rates.from_json(stored["rates"])})
    except (TypeError, KeyError) as error:
        raise PlanError(f"generator.state holds a plan that this version does not know: {error}") from error
