"""What a machine must offer before anything is started. Each failure is one line that says what to do."""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import sys

from tieout.errors import StackError
from tieout.local import downloads, layout
from tieout.settings import get_settings

# Measured on Linux x86-64: the whole stack with four tasks at work stays below 6 GiB, 5 of it at rest and in use.
MEMORY_GIB = 5.0
# Unpacked Trino peaks at 1.4 GB before its unused connectors go, MinIO's build needs 2 GB of Go caches.
DISK_FIRST_GIB = 6.0
DISK_LATER_GIB = 1.0
GIB = 1 << 30
OLDEST_PYTHON = (3, 11, 4)  # tarfile's data filter


def ports() -> dict[str, tuple[str, int, str]]:
    """Each port of the stack: the program that opens it, the port, the setting that changes it."""
    s = get_settings()
    return {
        "Postgres": ("postgres", s.postgres_port, "TIEOUT_POSTGRES_PORT"),
        "MinIO": ("minio", s.minio_port, "TIEOUT_MINIO_PORT"),
        "MinIO console": ("minio", s.minio_console_port, "TIEOUT_MINIO_CONSOLE_PORT"),
        "Trino": ("trino", s.trino_port, "TIEOUT_TRINO_PORT"),
        "Airflow": ("airflow-api", s.airflow_port, "TIEOUT_AIRFLOW_PORT"),
    }


def check(running: set[str]) -> None:
    """Raise StackError at the first thing that is missing. ``running``: programs of this stack that are up."""
    check_python()
    check_home()
    check_disk()
    check_ports(running)
    if not running:
        check_memory()


def check_python(found: tuple[int, ...] = tuple(sys.version_info[:3])) -> None:
    if found < OLDEST_PYTHON:
        raise StackError(
            f"Python {'.'.join(map(str, found))} is too old: Tieout needs {'.'.join(map(str, OLDEST_PYTHON))} or "
            "newer. Install one and run `uv sync --python 3.12`"
        )


def check_home() -> None:
    home = layout.home()
    if re.search(r"\s[;#]", f"{home}{layout.cache()}{sys.prefix}"):
        # The supervisor's configuration has no way to write such a path.
        raise StackError(f"a folder on the way to {home} has a space before a ; or a #: rename it")
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StackError(
            f"cannot write to {home}: {error.strerror}. Make it writable, or set TIEOUT_HOME to a folder that is"
        ) from error


def check_disk() -> None:
    fetched = downloads.trino_home().exists() and downloads.minio_binary().exists()
    wanted = DISK_LATER_GIB if fetched else DISK_FIRST_GIB
    free = shutil.disk_usage(layout.home()).free / GIB
    if free < wanted:
        what = "to run" if fetched else "to set up (Trino, MinIO and the build of MinIO)"
        raise StackError(
            f"{free:.1f} GiB of disk free at {layout.home()}, the stack needs {wanted:.0f} GiB {what}: "
            "free some, or set TIEOUT_HOME and TIEOUT_CACHE to a larger disk"
        )


def check_memory() -> None:
    import psutil

    available = psutil.virtual_memory().available / GIB
    if available < MEMORY_GIB:
        raise StackError(
            f"{available:.1f} GiB of memory available, the stack needs {MEMORY_GIB:.0f} GiB: close other programs, "
            "or lower TIEOUT_TRINO_HEAP (1G is the least that works) and TIEOUT_AIRFLOW_PARALLELISM"
        )


def check_ports(running: set[str]) -> None:
    taken: dict[int, str] = {}
    for label, (program, port, setting) in ports().items():
        if port in taken:
            raise StackError(f"{label} and {taken[port]} are both set to port {port}: set {setting} to a free one")
        taken[port] = label
        if program in running or not _in_use(port):
            continue
        raise StackError(f"port {port} ({label}) is in use{_holder(port)}: stop it, or set {setting} to a free port")


def _in_use(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise StackError(f"port {port} may not be opened by {_user()}: choose one above 1023") from error
            return error.errno == errno.EADDRINUSE
    return False


def _user() -> str:
    return f"user id {os.getuid()}"


def _holder(port: int) -> str:
    """Who holds ``port``, as far as this user may know."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            if listens and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return " by another program"
