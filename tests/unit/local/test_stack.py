from __future__ import annotations

from pathlib import Path

import pytest

from tieout.errors import StackError
from tieout.local import layout, stack
from tieout.local.progress import Board, Step


@pytest.fixture
def start(home: Path, board: Board) -> stack._Start:
    (home / "logs").mkdir()
    return stack._Start(board, {})


def test_a_failure_that_nobody_foresaw_is_one_line_too(start: stack._Start, board: Board) -> None:
    def column(step: Step) -> None:
        raise OSError("No space left on device\nand more")

    with pytest.raises(StackError) as raised:
        start._column(column, board.step("minio"))
    log = layout.log_file("up")
    assert str(raised.value) == (
        f"No space left on device (OSError). The whole story is in {log}; `tieout up` goes on from here"
    )
    assert "Traceback" in log.read_text()


def test_the_reason_for_a_crash_is_picked_from_the_log(home: Path) -> None:
    layout.log_file("trino").parent.mkdir()
    layout.log_file("trino").write_text(
        "Errors:\n\n1) Invalid value '45%' for property 'query.max-memory'\n\n==========\nstopping\n"
    )
    assert stack._complaint("trino") == "1) Invalid value '45%' for property 'query.max-memory'"


def test_a_second_up_at_the_same_time_is_told_to_wait(home: Path, board: Board) -> None:
    with stack._lock(), pytest.raises(StackError, match=r"another `tieout up` works on .*wait until it is done"):
        stack.up(board)


def test_another_airflow_s_settings_do_not_reach_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("LANG", "C.UTF-8")
    inherited = stack.inherited_environment()
    assert "AIRFLOW__CORE__EXECUTOR" not in inherited
    assert inherited["LANG"] == "C.UTF-8"
    assert inherited["PATH"].startswith(str(layout.venv_bin("")))
