"""`make demo`: a stack, a company, three days of its life through Airflow, and what came out.

Each part first looks at the facts: which processes run, how far the company has lived, which days are published. So a
demo that was cut off goes on where it stopped, and one that is complete only starts the stack and shows the result.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from tieout.errors import TieoutError

if TYPE_CHECKING:
    from rich.console import Console

    from tieout.orchestration.run import RunResult

SCALE, SEED = "demo", 1
# The company's history ends on the first day, which is loaded whole; it then lives two more.
FIRST_DAY = date(2026, 10, 31)
DAYS = tuple(FIRST_DAY + timedelta(days=n) for n in range(3))


class DemoError(TieoutError):
    """A day of the demo did not reach Gold."""


def demo() -> int:
    """Bring everything to where the third day is published, and show it. Returns the exit code."""
    from rich.console import Console

    from tieout.local.progress import Board
    from tieout.local.stack import up
    from tieout.summary import show

    console = Console(stderr=True)
    with Board(console) as board:
        up(board)
    runs = [result for day in DAYS if (result := bring_to(day, console))]
    show(Console(), runs)
    return 0


def bring_to(day: date, console: Console) -> RunResult | None:
    """Have the company live up to a day and publish it; returns the run, None when the day was published before.

    Raises DemoError, naming the task and its error, when the run fails.
    """
    from tieout.orchestration.run import run_batch, summary

    if day in published_days():
        return None
    live_up_to(day, console)
    console.print(f"[bold]{day}[/]: tieout_daily, through Airflow")
    result = run_batch(day.isoformat(), console)
    if result.state != "success":
        reasons = "; ".join(f"{failure.task_id}: {failure.error}" for failure in result.failures)
        raise DemoError(f"the run of {day} failed. {reasons}. `make demo` goes on from here")
    console.print(summary(result), highlight=False, soft_wrap=True)
    return result


def live_up_to(day: date, console: Console) -> None:
    """Generate the company if there is none, and let it live until the end of the day, if it has not yet."""
    from tieout.generate import advance, generate
    from tieout.local.progress import Board

    lived = last_day()
    if lived is not None and lived >= day:
        return
    with Board(console) as board:
        step = board.step("company")

        def progress(done: int, total: int, what: str) -> None:
            step.update(what, done, total)

        if lived is None:
            made = generate(SCALE, SEED, end=FIRST_DAY, progress=progress)
        else:
            made = advance((day - lived).days, progress=progress)
        step.finish(f"{made.rows:,} rows up to {made.last_day}, {made.rows / max(made.seconds, 0.001):,.0f} a second")


def last_day() -> date | None:
    """The last day that the generated company has lived, None when there is none."""
    from tieout.connections import app_db
    from tieout.generate.state import read_last_day

    with app_db() as connection:
        return read_last_day(connection)


def published_days() -> set[date]:
    """The batches that were published, by lake.ops.publications."""
    from tieout.connections import query

    return {batch for (batch,) in query("select distinct batch from lake.ops.publications")}
