"""The supervisor of the stack's processes: its configuration, its start, and the talk with it over its socket."""

from __future__ import annotations

import contextlib
import http.client
import os
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from tieout.errors import StackError
from tieout.local import layout
from tieout.local.secrets import write_private

STOP_SECONDS = 90  # each process has 20 to stop by itself, and Postgres and MinIO come after the rest
# Every process below the supervisor carries this variable, whatever becomes of the supervisor: see leftovers.py.
TAG = "TIEOUT_STACK"


@dataclass(frozen=True)
class Program:
    """One supervised process. ``priority``: higher stops earlier."""

    name: str
    command: Sequence[str]
    directory: Path
    priority: int
    stop_signal: str = "TERM"


def config_text(programs: Sequence[Program]) -> str:
    """The supervisor's configuration for ``programs``. It holds no secrets: those come by the environment."""
    socket = layout.socket_path()
    sections = [
        f"[unix_http_server]\nfile={_escape(socket)}\nchmod=0700\n",
        "[supervisord]\n"
        f"logfile={_escape(layout.log_file('supervisord'))}\nlogfile_maxbytes=5MB\nlogfile_backups=1\n"
        f"pidfile={_escape(layout.home('supervisord.pid'))}\nminfds=4096\n",
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n",
    ]
    for program in programs:
        sections.append(
            f"[program:{program.name}]\n"
            f"command={_escape(shlex.join(program.command))}\n"
            f"directory={_escape(program.directory)}\n"
            f"priority={program.priority}\n"
            "autostart=false\nautorestart=true\nstartsecs=2\nstartretries=5\n"
            f"stopsignal={program.stop_signal}\nstopwaitsecs=20\nstopasgroup=false\nkillasgroup=true\n"
            "redirect_stderr=true\n"
            f"stdout_logfile={_escape(layout.log_file(program.name))}\n"
            "stdout_logfile_maxbytes=20MB\nstdout_logfile_backups=2\n"
        )
    return "\n".join(sections)


def _escape(value: object) -> str:
    return str(value).replace("%", "%%")  # the file goes through %-expansion


def start(config: str, environment: Mapping[str, str]) -> None:
    """Start the supervisor with nothing below it. It detaches; returns once its socket answers."""
    socket = layout.socket_path()
    socket.parent.mkdir(mode=0o700, exist_ok=True)
    owner = socket.parent.stat()
    if owner.st_uid != os.getuid() or owner.st_mode & 0o077:
        raise StackError(f"{socket.parent} is not yours alone: remove it and start again")
    layout.home("logs").mkdir(parents=True, exist_ok=True)
    path = layout.home("supervisord.conf")
    write_private(path, config)
    result = subprocess.run(
        [str(layout.venv_bin("supervisord")), "-c", str(path)],
        env={**environment, TAG: str(layout.home())},
        cwd=layout.home(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    if result.returncode != 0:
        reason = (result.stderr or result.stdout).strip().replace("\n", " ")
        raise StackError(f"the supervisor did not start: {reason}. See {layout.log_file('supervisord')}")
    deadline = time.monotonic() + 15
    while not is_running():
        if time.monotonic() > deadline:
            raise StackError(f"the supervisor does not answer: see {layout.log_file('supervisord')}")
        time.sleep(0.1)


def client() -> Any:
    """The supervisor's own functions (XML-RPC namespace ``supervisor``)."""
    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport(None, None, f"unix://{layout.socket_path()}")
    return ServerProxy("http://127.0.0.1", transport=transport).supervisor


def is_running() -> bool:
    if not layout.socket_path().exists():
        return False
    try:
        return client().getState()["statename"] == "RUNNING"
    except (OSError, http.client.HTTPException, Fault):
        return False


def processes() -> dict[str, dict[str, Any]]:
    """What the supervisor knows of each program: statename, pid, spawnerr … Empty when it does not run."""
    if not is_running():
        return {}
    return {info["name"]: info for info in client().getAllProcessInfo()}


def start_program(name: str) -> None:
    """Start one program unless it runs; does not wait for it to be ready."""
    from supervisor.xmlrpc import Faults

    try:
        client().startProcess(name, False)
    except Fault as fault:
        if fault.faultCode != Faults.ALREADY_STARTED:
            raise StackError(f"{name} did not start: {fault.faultString}. See {layout.log_file(name)}") from fault


def stop_program(name: str) -> None:
    """Stop one program, if it runs or is about to."""
    with contextlib.suppress(Fault):
        client().stopProcess(name)


def shut_down(names: Sequence[str]) -> None:
    """Stop ``names`` at once, then the supervisor with the rest, and wait until it is gone."""
    import psutil

    server = client()
    try:
        supervisor = psutil.Process(server.getPID())
        for name in names:
            with contextlib.suppress(Fault):  # not running
                server.stopProcess(name, False)
        server.shutdown()
    except (OSError, http.client.HTTPException, psutil.NoSuchProcess):
        return
    try:
        supervisor.wait(STOP_SECONDS)
    except psutil.TimeoutExpired as expired:
        raise StackError(
            f"the supervisor (pid {supervisor.pid}) still stops its processes after {STOP_SECONDS} s: "
            f"see {layout.log_file('supervisord')}, and run `tieout down` again"
        ) from expired
