"""The state of each program of the stack, measured now."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from tieout.local import airflow, minio, postgres, supervise, trino
from tieout.settings import MissingSecret, get_settings

MIB = 1 << 20


@dataclass(frozen=True)
class ServiceStatus:
    """One program.

    ``state``: running (answers as healthy), starting (lives, does not answer yet), failed (gave up after repeated
    crashes) or stopped. ``memory_mib``: of the process and its children, shared pages counted once where the system
    tells (Linux), else resident size.
    """

    name: str
    state: str
    host: str
    port: int | None
    version: str | None
    pid: int | None
    memory_mib: int | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def collect() -> list[ServiceStatus]:
    """The status of every program, in the order in which they start."""
    known = supervise.processes()
    with ThreadPoolExecutor(max_workers=4) as pool:
        probes: dict[str, Callable[[], Any]] = {
            postgres.NAME: postgres.probe,
            minio.NAME: minio.probe,
            trino.NAME: trino.probe,
            airflow.API: airflow.health,
        }
        answers = {
            name: pool.submit(_answer, probe)
            for name, probe in probes.items()
            if known.get(name, {}).get("statename") == "RUNNING"
        }
        found = {name: future.result() for name, future in answers.items()}
    health = found.pop(airflow.API, None) or {}
    settings = get_settings()
    ports = {
        postgres.NAME: (settings.postgres_host, settings.postgres_port),
        minio.NAME: (settings.minio_host, settings.minio_port),
        trino.NAME: (settings.trino_host, settings.trino_port),
        airflow.API: (settings.airflow_host, settings.airflow_port),
    }
    rows = []
    for name in (postgres.NAME, minio.NAME, trino.NAME, *airflow.NAMES):
        info = known.get(name, {})
        if name in airflow.NAMES:
            version = airflow.installed_version() if health.get(name) == "healthy" else None
        else:
            version = found.get(name)
        pid = info.get("pid") or None
        host, port = ports.get(name, (settings.airflow_host, None))
        rows.append(
            ServiceStatus(
                name,
                _state(info.get("statename"), version),
                host,
                port,
                version,
                pid,
                memory_mib(pid) if pid else None,
            )
        )
    return rows


def memory_mib(pid: int) -> int:
    """Memory of a process and all below it, in MiB."""
    total = 0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += _memory(process)
    return round(total / MIB)


def _memory(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
        return getattr(full, "pss", 0) or full.rss
    except psutil.AccessDenied:
        return process.memory_info().rss


def _answer(probe: Callable[[], Any]) -> Any:
    try:
        return probe()
    except MissingSecret:
        raise
    except Exception:  # any answer but a good one means: not ready
        return None


def _state(supervisor_state: str | None, version: str | None) -> str:
    if supervisor_state == "RUNNING" and version:
        return "running"
    if supervisor_state in ("RUNNING", "STARTING", "BACKOFF"):
        return "starting"
    if supervisor_state == "FATAL":
        return "failed"
    return "stopped"


def render_json(rows: list[ServiceStatus]) -> str:
    return json.dumps([row.as_dict() for row in rows], indent=2)


def render_table(rows: list[ServiceStatus]) -> None:
    from rich.console import Console
    from rich.table import Table

    colours = {"running": "green", "starting": "yellow", "failed": "red", "stopped": "dim"}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (("service", "left"), ("state", "left"), ("address", "left"), ("version", "left")):
        table.add_column(name, justify=justify)
    for name in ("pid", "memory MiB"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.name,
            f"[{colours[row.state]}]{row.state}[/]",
            f"{row.host}:{row.port}" if row.port else "",
            row.version or "",
            str(row.pid or ""),
            str(row.memory_mib or ""),
        )
    total = sum(row.memory_mib or 0 for row in rows)
    table.add_row("[bold]all[/]", "", "", "", "", f"[bold]{total}[/]" if total else "")
    Console().print(table)
