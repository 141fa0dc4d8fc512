"""What `tieout generate` does and shows."""

from __future__ import annotations

from collections import Counter
from datetime import date

from rich.console import Console
from rich.table import Table

from tieout.generate.run import END, START, GenerateError, Summary, advance, generate
from tieout.local.progress import Board


def run(
    scale: str, seed: int, start: str | None, end: str | None, replace: bool, days: int, anomalies: int | None
) -> None:
    """Generate a company, or let the one there is live ``days`` more days; show progress and what was written."""
    with Board() as board:
        step = board.step("generate", "drawing the company")

        def progress(done: int, total: int, what: str) -> None:
            step.update(what, done, total)

        if days:
            summary = advance(days, progress)
        else:
            summary = generate(
                scale, seed, _day(start, START), _day(end, END), progress, replace=replace, anomalies=anomalies
            )
        step.finish(f"{summary.rows:,} rows up to {summary.last_day} in {summary.seconds:.1f} s")
    Console().print(_table(summary))


def _day(text: str | None, otherwise: date) -> date:
    if text is None:
        return otherwise
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise GenerateError(f"{text!r} is not a day: write it as YYYY-MM-DD") from error


def _table(summary: Summary) -> Table:
    table = Table(title=f"generated up to {summary.last_day}")
    columns: dict[str, Counter[str]] = {
        "inserted": summary.inserted,
        "updated": summary.updated,
        "deleted": summary.deleted,
        "committed late": summary.late,
        "delivered": summary.delivered,
    }
    used = {name: counts for name, counts in columns.items() if counts}
    table.add_column("table or extract")
    for name in used:
        table.add_column(name, justify="right")
    names = dict.fromkeys(name for counts in used.values() for name in counts)
    for name in names:
        table.add_row(name, *(f"{counts[name]:,}" if counts[name] else "" for counts in used.values()))
    put_in = {"faults": summary.faults, "anomalies": summary.anomalies}
    table.caption = "\n".join(
        f"{name}: " + ", ".join(f"{label} {n}" for label, n in sorted(counts.items()))
        for name, counts in put_in.items()
        if counts
    )
    return table
