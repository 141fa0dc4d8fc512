"""What a person sees while the stack comes up: one line per part, with what it does and for how long.

On a terminal the lines are live. Elsewhere (a CI log) each change of a line is printed once, and a long download
at every tenth.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Cancelled(Exception):
    """The person who waited has pressed Ctrl-C."""


class Step:
    """One part's line. Safe to use from the thread that works on the part."""

    def __init__(self, board: Board, name: str, task: TaskID):
        self._board, self._name, self._task = board, name, task
        self._started = time.monotonic()
        self._text, self._tenth = "", -1

    def update(self, text: str, done: int | None = None, total: int | None = None) -> None:
        """Say what is being done; with ``done`` and ``total``, how far it is. Raises Cancelled after Ctrl-C."""
        if self._board.cancelled.is_set():
            raise Cancelled
        with self._board.lock:
            if self._board.live:
                # Never quite full: rich stops the clock of a task that is.
                shown = min(done or 0, total - 1) if total else 0
                self._board.live.tasks[self._task].total = total or None  # update() cannot take a total away
                self._board.live.update(self._task, text=text, completed=shown)
                return
            tenth = 10 * done // total if done is not None and total else -1
            if text != self._text or tenth > self._tenth:
                self._text, self._tenth = text, tenth
                self._print(f"{text} {10 * tenth}%" if tenth > 0 else text)

    def finish(self, text: str) -> None:
        self._end(f"[green]✓[/] {text}")

    def fail(self, text: str) -> None:
        self._end(f"[red]✗[/] {text}")

    def _end(self, text: str) -> None:
        with self._board.lock:
            if self._board.live:
                self._board.live.update(self._task, text=text, completed=1, total=1)
                self._board.live.stop_task(self._task)
            else:
                self._print(text)

    def _print(self, text: str) -> None:
        elapsed, name = time.monotonic() - self._board.started, f"{self._name:<{self._board.width}}"
        self._board.console.print(f"{elapsed:6.1f}s {name} {text}", highlight=False, soft_wrap=True)


class Board:
    """The lines of all parts; a context manager that owns the terminal while it is open."""

    def __init__(self, console: Console | None = None, width: int = 9):
        """width: of the longest name, in characters."""
        self.console = console or Console(stderr=True)
        self.width = width
        self.lock = threading.Lock()
        self.cancelled = threading.Event()
        self.started = time.monotonic()
        self.live: Progress | None = None
        if self.console.is_terminal:
            self.live = Progress(
                SpinnerColumn(finished_text=" "),
                TextColumn(f"{{task.description:<{width}}}"),
                BarColumn(bar_width=24),
                TimeElapsedColumn(),
                TextColumn("{task.fields[text]}"),
                console=self.console,
            )

    def step(self, name: str, text: str = "waiting") -> Step:
        task = self.live.add_task(name, total=None, text=text) if self.live else TaskID(0)
        return Step(self, name, task)

    def __enter__(self) -> Self:
        if self.live:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.live.stop()
