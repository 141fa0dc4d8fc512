from __future__ import annotations

import io

from rich.console import Console

from tieout.local.progress import Board


def test_without_a_terminal_each_change_is_one_line() -> None:
    out = io.StringIO()
    with Board(Console(file=out, width=200)) as board:
        step = board.step("trino")
        for done in range(0, 101):
            step.update("downloading", done, 100)
        step.update("starting")
        step.update("starting")
        step.finish("Trino on port 1")
    lines = [line.split("s ", 1)[1].split() for line in out.getvalue().splitlines()]
    assert lines[0] == ["trino", "downloading"]
    assert lines[1] == ["trino", "downloading", "10%"]
    assert lines[10] == ["trino", "downloading", "100%"]
    assert lines[11] == ["trino", "starting"]
    assert lines[12][1:] == ["✓", "Trino", "on", "port", "1"]
    assert len(lines) == 13


def test_on_a_terminal_the_clock_runs_until_the_end() -> None:
    with Board(Console(file=io.StringIO(), force_terminal=True, width=120)) as board:
        step = board.step("trino")
        step.update("unpacking", 100, 100)
        assert board.live is not None
        assert not board.live.finished
        step.update("starting")
        assert not board.live.finished
        step.finish("ready")
        assert board.live.finished
