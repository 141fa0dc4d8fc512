"""Postgres 18 from the Python environment: its data folder, its process, its readiness.

Postgres refuses to run as root. Started by root, it runs as the account ``settings.postgres_os_user`` instead, by
``setpriv``; where that account may not enter the project's folders (a clone under ``/root``, say), the one
capability to read and write past folder permissions goes with it, rather than opening those folders to everyone.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tieout.connections import postgres
from tieout.errors import StackError
from tieout.local import layout
from tieout.local.progress import Step
from tieout.local.supervise import Program
from tieout.postgres_binaries import packaged_binaries
from tieout.settings import get_settings

NAME = "postgres"

# Sized for one machine that Trino and Airflow share; full_page_writes and fsync stay on: nothing may be lost.
TUNING = {
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def data_folder() -> Path:
    return layout.home("postgres")


def bin_folder() -> Path:
    folder = packaged_binaries()
    if folder is None:
        raise StackError("the packaged Postgres is missing from the environment: run `make demo` or `make test` again")
    return folder


def ensure_data(step: Step) -> None:
    """Make the data folder unless it is there. A half-made one is thrown away and made again."""
    target = data_folder()
    if (target / "PG_VERSION").exists():
        return
    step.update("initialising the data folder")
    settings = get_settings()
    partial = target.with_name("postgres.partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(mode=0o700)
    with tempfile.NamedTemporaryFile("w") as password:
        password.write(settings.reveal("postgres_password"))
        password.flush()
        if account := _account():
            os.chown(partial, account.pw_uid, account.pw_gid)
            os.chown(password.name, account.pw_uid, account.pw_gid)
        command = [
            str(bin_folder() / "initdb"),
            f"--pgdata={partial}",
            f"--username={settings.postgres_user}",
            f"--pwfile={password.name}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # The builtin provider sorts the same on every platform.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
        ]
        result = subprocess.run(_unprivileged(command), capture_output=True, text=True, timeout=300)
    if result.returncode != 0:
        reason = result.stderr.strip().splitlines()[-1:] or [f"exit code {result.returncode}"]
        raise StackError(f"Postgres could not make {target}: {reason[0]}. Free the disk or the path, start again")
    partial.rename(target)


def program() -> Program:
    settings = get_settings()
    command = [
        str(bin_folder() / "postgres"),
        *("-D", str(data_folder())),
        *("-p", str(settings.postgres_port)),
        *("-c", f"listen_addresses={settings.postgres_host}"),
        *("-c", "unix_socket_directories="),
    ]
    for name, value in TUNING.items():
        command += ["-c", f"{name}={value}"]
    return Program(NAME, _unprivileged(command), layout.home(), priority=10, stop_signal="INT")


def probe() -> str:
    """The server's version. Raises while it is not ready."""
    import psycopg

    try:
        with postgres("postgres", connect_timeout=3) as connection:
            row = connection.execute("show server_version").fetchone()
            assert row is not None
            return str(row[0]).split()[0]
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            settings = get_settings()
            raise StackError(
                f"Postgres on port {settings.postgres_port} refuses the password in {settings.secrets_file}: "
                f"bring back the file that belongs to {data_folder()}, or remove {settings.home} to begin anew"
            ) from error
        raise


def _account() -> pwd.struct_passwd | None:
    """The account that Postgres runs as when this process is root; None when it is not."""
    if os.geteuid() != 0:
        return None
    name = get_settings().postgres_os_user
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise StackError(
            f"Postgres does not run as root, and there is no account {name!r} to run it as: "
            "start as an ordinary user, or name an account in TIEOUT_POSTGRES_OS_USER"
        ) from None


def _unprivileged(command: Sequence[str]) -> list[str]:
    """``command`` with an environment of its own and, for root, another account."""
    # Not the caller's PATH: from a shell that has another one, the stack would seem to run with other settings.
    clean = ["/usr/bin/env", "-i", "LC_ALL=C", f"PATH={os.defpath}", *command]
    account = _account()
    if account is None:
        return clean
    if not shutil.which("setpriv"):
        raise StackError(
            "Postgres does not run as root, and setpriv (package util-linux) is not there to give it another "
            "account: start as an ordinary user, or install setpriv"
        )
    drop = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    if not all(_enterable(path, account) for path in (layout.home(), bin_folder())):
        drop += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return [*drop, *clean]


def _enterable(path: Path, account: pwd.struct_passwd) -> bool:
    """Whether ``account`` may walk down to ``path``, by the permission bits of each folder on the way."""
    for folder in (path, *path.parents):
        status = folder.stat()
        bit = stat.S_IXUSR if status.st_uid == account.pw_uid else stat.S_IXOTH
        if not status.st_mode & bit:
            return False
    return True
