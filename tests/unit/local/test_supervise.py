"""A real supervisor with small programs below it: start, crash, restart, stop, and what outlives it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tieout.errors import StackError
from tieout.local import layout, leftovers, supervise
from tieout.local.supervise import Program

SLEEP = [sys.executable, "-c", "import time; time.sleep(300)"]


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)


def pid_of(name: str) -> int:
    return int(supervise.processes()[name]["pid"])


@pytest.fixture
def sleeper(home: Path) -> Iterator[Program]:
    program = Program("sleeper", SLEEP, home, priority=1)
    supervise.start(supervise.config_text([program]), os.environ)
    yield program
    if supervise.is_running():
        supervise.shut_down(["sleeper"])
    leftovers.stop(seconds=5)


def test_a_program_that_crashes_is_started_again(sleeper: Program) -> None:
    supervise.start_program("sleeper")
    first = pid_of("sleeper")
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: pid_of("sleeper") not in (0, first))


def test_starting_what_runs_changes_nothing(sleeper: Program) -> None:
    supervise.start_program("sleeper")
    first = pid_of("sleeper")
    supervise.start_program("sleeper")
    assert pid_of("sleeper") == first


def test_shutting_down_stops_the_programs_and_the_supervisor(sleeper: Program) -> None:
    supervise.start_program("sleeper")
    process = psutil.Process(pid_of("sleeper"))
    supervise.shut_down(["sleeper"])
    assert not process.is_running()
    assert not supervise.is_running()
    assert leftovers.find() == []


def test_what_outlives_a_killed_supervisor_is_found_and_stopped(sleeper: Program) -> None:
    supervise.start_program("sleeper")
    orphan = psutil.Process(pid_of("sleeper"))
    supervisor = psutil.Process(supervise.client().getPID())
    supervisor.kill()
    wait_for(lambda: not supervise.is_running())
    assert orphan in leftovers.find()
    leftovers.stop(seconds=5)
    wait_for(lambda: not orphan.is_running())


def test_a_process_that_only_just_starts_is_known_by_its_environment() -> None:
    """For an instant on its way to its program's first instruction it has none."""
    for _ in range(20):
        child = psutil.Popen(["sleep", "60"], env={supervise.TAG: "a stack"})
        try:
            assert leftovers.environment(child) == {supervise.TAG: "a stack"}
        finally:
            child.kill()
            child.wait()


def test_the_processes_of_another_stack_are_left_alone(
    sleeper: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieout.settings import get_settings

    supervise.start_program("sleeper")
    with monkeypatch.context() as other:
        other.setenv("TIEOUT_HOME", str(tmp_path / "other"))
        get_settings.cache_clear()
        assert leftovers.find() == []
        assert not supervise.is_running()
    get_settings.cache_clear()
    assert supervise.is_running()


def test_an_unknown_program_says_where_to_look(home: Path) -> None:
    missing = Program("missing", ["/nonexistent/server"], home, priority=1)
    supervise.start(supervise.config_text([missing]), os.environ)
    try:
        with pytest.raises(StackError, match=r"missing did not start: .*See .*missing\.log"):
            supervise.start_program("missing")
    finally:
        supervise.shut_down([])


def test_paths_with_percent_signs_spaces_and_quotes_survive(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "100% odd 'name'"
    folder.mkdir()
    program = Program("odd", [sys.executable, "-c", "open('made here', 'w')", "an argument"], folder, priority=1)
    supervise.start(supervise.config_text([program]), os.environ)
    try:
        supervise.start_program("odd")
        wait_for((folder / "made here").exists)
    finally:
        supervise.shut_down(["odd"])


def test_the_socket_s_path_fits_wherever_the_project_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tieout.settings import get_settings

    monkeypatch.setenv("TIEOUT_HOME", "/" + "deep/" * 60)
    get_settings.cache_clear()
    # macOS allows 104 bytes; the temporary folder itself takes about 50 there.
    assert len(str(layout.socket_path().relative_to(layout.socket_path().parents[1]))) < 40


def test_the_socket_is_its_owner_s_alone(sleeper: Program) -> None:
    assert layout.socket_path().parent.stat().st_mode & 0o077 == 0
