"""`generate` and `advance`: a company's life into the app database and the landing bucket."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from tieout.errors import TieoutError
from tieout.generate.database import Loader, copy, delete, identifier, keep_timestamps, prove, suspend_checks, update
from tieout.generate.landing import LandingWriter, remove_generated
from tieout.generate.life import TABLES, Chapter, Life
from tieout.generate.moments import day_number, end_of, to_date
from tieout.generate.plan import Plan, PlanError, rows_of
from tieout.generate.rates import Rates
from tieout.generate.state import State, read_state, write_state
from tieout.generate.target import Target
from tieout.generate.truth import (
    ANOMALIES,
    DELETES,
    FAULTS,
    LATE_ROWS,
    PAYOUT_FAULTS,
    forget_truth,
    moment,
    write_truth,
)

# (rows written so far, rows expected in all, what is being written)
Progress = Callable[[int, int, str], None]
# Two years, told from no clock: the same call makes the same company on any day.
START, END = date(2024, 11, 1), date(2026, 10, 31)
# Days lived at a time by advance: their changes are held in memory until they are written.
_DAYS_AT_ONCE = 7


class GenerateError(TieoutError):
    """The generator cannot do what was asked; nothing was written."""


@dataclass
class Summary:
    """What was written. Rows by table ('payments') and by extract ('stripe/charges')."""

    last_day: date
    inserted: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    deleted: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    anomalies: Counter[str] = field(default_factory=Counter)
    files: int = 0
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Rows written to the database and delivered in files."""
        return sum(map(Counter.total, (self.inserted, self.updated, self.deleted, self.delivered)))


def generate(
    scale: int | str = "demo",
    seed: int = 1,
    start: date = START,
    end: date = END,
    progress: Progress | None = None,
    *,
    rates: Rates | None = None,
    anomalies: int | None = None,
    replace: bool = False,
    target: Target | None = None,
) -> Summary:
    """Make a company that lives from ``start`` to ``end``, both included.

    scale: about how many rows in all, a number or a name of plan.SCALES. The same arguments make the same content.
    anomalies: how many of each kind to put in a year, see anomalies.py; their rows come on top of the scale.
    replace: delete all rows of the app database, and the generator's own landing files, first. Without it, a database
    that already has a generated company is refused. All rows come in one transaction; extracts and truth are written
    before it ends, so that a failure leaves files that the next call replaces, and no rows.
    """
    try:
        expected = rows_of(scale)
        plan = Plan.of(expected, seed, start, end, rates, anomalies)
    except PlanError as error:
        raise GenerateError(str(error)) from error
    return live(plan, end, target or Target.of_settings(), progress, replace=replace, expected=expected)


def live(
    plan: Plan,
    end: date,
    target: Target,
    progress: Progress | None = None,
    *,
    replace: bool = False,
    expected: int = 0,
) -> Summary:
    """`generate` for a plan that is there already; ``expected`` is for the progress only."""
    began = time.monotonic()
    summary = Summary(end)
    with target.connect() as conn:
        state = read_state(conn)
        if state and not replace:
            raise GenerateError(
                f"the app database already has a company generated up to {state.last_day}: "
                "let it live on with `tieout generate --advance 1`, or start over with `tieout generate --replace`"
            )
        if replace:
            _clear(conn)
        remove_generated(target)
        forget_truth(target.truth)
        keep_timestamps(conn)
        unchecked = suspend_checks(conn)
        until = end_of(day_number(end))
        found: list[dict[str, Any]] = []
        anomalous: list[dict[str, Any]] = []
        payouts: list[dict[str, Any]] = []
        with LandingWriter(target, end) as landing:
            with Loader(conn) as loader:
                for chapter in Life(plan, until).chapters():
                    for name, rows in _now(chapter, until).items():
                        if name in TABLES:
                            loader.add(name, rows)
                            summary.inserted[name] += rows.num_rows
                        else:
                            landing.add(name, rows)
                            summary.delivered[name] += rows.num_rows
                    if chapter.labelled:
                        found += chapter.labelled.between(0, until)
                    if chapter.anomalies:
                        anomalous += chapter.anomalies.between(0, until)
                    for labels in chapter.payouts:
                        payouts += labels.between(0, until)
                    if progress:
                        progress(summary.rows, max(expected, summary.rows), "history")
        if unchecked:
            prove(conn, TABLES)
        summary.files = landing.files
        summary.faults.update(line["label"] for line in [*found, *payouts])
        summary.anomalies.update(line["label"] for line in anomalous)
        write_truth(target.truth, end, {FAULTS: found, PAYOUT_FAULTS: payouts, ANOMALIES: anomalous})
        write_state(conn, State(plan, end))
    with target.connect(autocommit=True) as conn:
        conn.execute("analyze")
    summary.seconds = time.monotonic() - began
    return summary


def advance(days: int, progress: Progress | None = None, *, target: Target | None = None) -> Summary:
    """Live ``days`` more days after the last one, each in a transaction and with landing files of its own.

    New documents, payments on old ones, updates, hard deletes, and rows of the evening before that are committed
    only now with their old updated_at.
    """
    if days < 1:
        raise GenerateError(f"cannot live {days} days: ask for 1 or more")
    began = time.monotonic()
    target = target or Target.of_settings()
    summary: Summary | None = None
    left = days
    while left:
        with target.connect() as conn:
            state = read_state(conn)
            if state is None:
                raise GenerateError("the app database has no generated company: run `tieout generate` first")
            summary = summary or Summary(state.last_day)
            first = day_number(state.last_day) + 1
            span = range(first, first + min(left, _DAYS_AT_ONCE))
            news = _news(state.plan, span)
            for day in span:
                with conn.transaction():
                    keep_timestamps(conn)
                    with LandingWriter(target, to_date(day)) as landing:
                        news[day].write(conn, landing, summary)
                    summary.files += landing.files
                    summary.last_day = to_date(day)
                    write_truth(target.truth, to_date(day), news[day].truth)
                    write_state(conn, State(state.plan, to_date(day)))
                left -= 1
                if progress:
                    progress(days - left, days, to_date(day).isoformat())
    assert summary is not None
    summary.seconds = time.monotonic() - began
    return summary


@dataclass
class _Day:
    """What one day brings, by table."""

    removed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    inserted: dict[str, list[pa.Table]] = field(default_factory=lambda: defaultdict(list))
    updated: dict[str, list[pa.Table]] = field(default_factory=lambda: defaultdict(list))
    delivered: dict[str, list[pa.Table]] = field(default_factory=lambda: defaultdict(list))
    truth: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def take(self, chapter: Chapter, since: int, until: int) -> None:
        for rows in chapter.rows:
            new, changed = rows.inserted(since, until), rows.updated(since, until)
            if rows.table not in TABLES:
                for positions in (new, changed):
                    if len(positions):
                        self.delivered[rows.table].append(rows.as_of(positions, until))
                continue
            gone = rows.removed(since, until)
            if len(new):
                table = rows.as_of(new, until)
                self.inserted[rows.table].append(table)
                late = rows.late(new)
                if len(late):
                    self._note_late(rows.table, rows.as_of(late, until), rows.seen[late])
            if len(changed):
                self.updated[rows.table].append(rows.as_of(changed, until))
            if len(gone):
                ids = rows.as_of(gone, until).column("id").to_pylist()
                self.removed[rows.table] += ids
                moments = (moment(rows.gone[at]) for at in gone)
                self.truth[DELETES] += (
                    {"table": rows.table, "id": key, "deleted_at": at} for key, at in zip(ids, moments, strict=True)
                )
        if chapter.labelled:
            self.truth[FAULTS] += chapter.labelled.between(since, until)
        if chapter.anomalies:
            self.truth[ANOMALIES] += chapter.anomalies.between(since, until)
        for labels in chapter.payouts:
            self.truth[PAYOUT_FAULTS] += labels.between(since, until)

    def _note_late(self, table: str, rows: pa.Table, committed: Any) -> None:
        ids, stamps = rows.column("id").to_pylist(), rows.column("updated_at").to_pylist()
        self.truth[LATE_ROWS] += (
            {"table": table, "id": key, "updated_at": stamp.isoformat(), "committed_at": moment(at)}
            for key, stamp, at in zip(ids, stamps, committed, strict=True)
        )

    def write(self, conn: psycopg.Connection, landing: LandingWriter, summary: Summary) -> None:
        for name in reversed(TABLES):
            if ids := self.removed.get(name):
                delete(conn, name, ids)
                summary.deleted[name] += len(ids)
        for name in TABLES:
            if tables := self.inserted.get(name):
                rows = pa.concat_tables(tables)
                copy(conn, identifier(name), rows)
                summary.inserted[name] += rows.num_rows
        for name in TABLES:
            if tables := self.updated.get(name):
                rows = pa.concat_tables(tables)
                update(conn, name, rows)
                summary.updated[name] += rows.num_rows
        for name, tables in self.delivered.items():
            for rows in tables:
                landing.add(name, rows)
                summary.delivered[name] += rows.num_rows
        summary.late.update(line["table"] for line in self.truth[LATE_ROWS])
        summary.faults.update(line["label"] for line in self.truth[FAULTS] + self.truth[PAYOUT_FAULTS])
        summary.anomalies.update(line["label"] for line in self.truth[ANOMALIES])


def _news(plan: Plan, span: range) -> dict[int, _Day]:
    """What each day of ``span`` brings."""
    news = {day: _Day() for day in span}
    for chapter in Life(plan, end_of(span[-1]), since=end_of(span[0] - 1)).chapters():
        for day, brings in news.items():
            brings.take(chapter, end_of(day - 1), end_of(day))
    return news


def _now(chapter: Chapter, until: int) -> dict[str, pa.Table]:
    """The chapter's rows as they are at ``until``, by table, parents first."""
    found: dict[str, list[pa.Table]] = defaultdict(list)
    for rows in chapter.rows:
        positions = rows.present(until)
        if len(positions):
            found[rows.table].append(rows.as_of(positions, until))
    order = [*(name for name in TABLES if name in found), *(name for name in found if name not in TABLES)]
    return {name: pa.concat_tables(found[name]) for name in order}


def _clear(conn: psycopg.Connection) -> None:
    tables = sql.SQL(", ").join(map(identifier, TABLES))
    # Budget entries cannot be taken back, except with the whole company that made them.
    conn.execute("alter table public.input_budget disable trigger append_only")
    # With what people have added to these rows: a proposal of a program that is gone, or a membership, means nothing.
    conn.execute(sql.SQL("truncate {} cascade").format(tables))
    conn.execute("alter table public.input_budget enable trigger append_only")
    conn.execute("delete from generator.state")
