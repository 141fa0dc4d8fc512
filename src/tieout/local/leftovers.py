"""Processes of this stack that outlived their supervisor (it was killed, or a task had left its process group).

They are found by the variable that every process of the stack inherits, which names this stack's own folder, and
by Postgres' own pid file: never by a process name.
"""

import contextlib
import time

import psutil

from tieout.local import layout
from tieout.local.supervise import TAG

# A process younger than this that shows no environment is looked at again.
STARTING_SECONDS = 2


def find() -> list[psutil.Process]:
    home, mine, found = (
        str(layout.home()),
        {psutil.Process().pid, *(p.pid for p in psutil.Process().parents())},
        [],
    )
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid not in mine and environment(process).get(TAG) == home:
                found.append(process)
    postgres = _postmaster()
    if postgres and postgres not in found:
        found.append(postgres)
    return found


def environment(process: psutil.Process) -> dict[str, str]:
    """What the process was started with. One that just becomes another program has none for an instant."""
    held = process.environ()
    while not held and time.time() - process.create_time() < STARTING_SECONDS:
        time.sleep(0.01)
        held = process.environ()
    return held


def stop(seconds: float = 20) -> int:
    """End what is left, gently and then by force. Returns how many there were."""
    processes = find()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, timeout=seconds)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=5)
    return len(processes)


def _postmaster() -> psutil.Process | None:
    """The Postgres that runs on this stack's data folder. Its environment is emptied, so it carries no tag."""
    try:
        lines = layout.home("postgres", "postmaster.pid").read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        # A pid may have been given to another process since: the file notes when Postgres started.
        if abs(process.create_time() - int(lines[2])) < 60 and lines[1] in process.cmdline():
            return process
    except (OSError, ValueError, IndexError, psutil.Error):
        pass
    return None
