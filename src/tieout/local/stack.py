"""Up and down: what is started, in which order, and what must hold before the next part may start.

    postgres ── databases ─┬─ app migrations
                           ├─ airflow's own tables ── api server, scheduler, dag processor, triggerer
    minio ───── buckets ───┼─ lake: schemas, Bronze tables ─┐
                           └─ trino ────────────────────────┴─ tables of lake.ops

The columns run side by side; each waits only for what it needs. Everything is safe to repeat, so a set-up
that was cut off goes on where it stopped.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from tieout.connections import WAREHOUSE
from tieout.errors import StackError, TieoutError
from tieout.local import (
    airflow,
    bootstrap,
    downloads,
    layout,
    leftovers,
    minio,
    postgres,
    preflight,
    secrets,
    supervise,
    trino,
)
from tieout.local.progress import Board, Cancelled, Step
from tieout.orchestration.manifest import build_manifest
from tieout.settings import get_settings

T = TypeVar("T")

POLL_SECONDS = 0.3
MAX_CRASHES = 2
# Half a minute on an idle machine; the rest is for one that is busy with a build or with other tests.
START_SECONDS = 420


class _Abandoned(Exception):
    """Another part failed; this one stops waiting."""


def up(board: Board) -> None:
    """Bring the whole stack up and ready, or raise StackError. Quick when it is up already."""
    preflight.check_home()
    with _lock():
        running = {name for name, info in supervise.processes().items() if info["pid"]}
        if not supervise.is_running() and (left := leftovers.find()):
            board.step("stack").update(f"ending {len(left)} processes that an earlier start left behind")
            leftovers.stop()
        preflight.check(running)
        secrets.ensure()
        layout.home("logs").mkdir(exist_ok=True)
        _Start(board, own_environment()).run()


def down() -> int:
    """Stop everything that belongs to this stack; returns how many processes there were."""
    count = 0
    if supervise.is_running():
        known = supervise.processes()
        count = sum(1 for info in known.values() if info["pid"])
        # Postgres and MinIO go last, with the supervisor itself: the others still write to them.
        supervise.shut_down([name for name in known if name not in (postgres.NAME, minio.NAME)])
    return count + leftovers.stop()


def own_environment() -> dict[str, str]:
    """What the stack's processes are told: the settings, secrets included, and each server's own switches."""
    settings = get_settings()
    values = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        values[f"TIEOUT_{name.upper()}"] = (
            value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
        )
    return {**values, **minio.environment(), **trino.environment(), **airflow.environment()}


def inherited_environment() -> dict[str, str]:
    """What they keep of this process's environment: all but another Airflow's or MinIO's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "MINIO_"))}
    return {**kept, "PATH": f"{layout.venv_bin('')}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


class _Start:
    """One run of ``up``: a thread for each column, the events they wait for, and the lines they report on."""

    def __init__(self, board: Board, own: dict[str, str]):
        self.board, self.own = board, own
        self.environment = {**inherited_environment(), **own}
        self.databases, self.buckets, self.lake = threading.Event(), threading.Event(), threading.Event()
        self.abandon = threading.Event()

    def run(self) -> None:
        columns: dict[str, Callable[[Step], None]] = {
            "postgres": self._postgres,
            "minio": self._minio,
            "lake": self._lake,
            "trino": self._trino,
            "airflow": self._airflow,
        }
        # The data folder decides how Postgres' command looks, so it comes before the supervisor's configuration.
        steps = {name: self.board.step(name) for name in columns}
        postgres.ensure_data(steps["postgres"])
        self._start_supervisor()
        with ThreadPoolExecutor(max_workers=len(columns)) as pool:
            futures = [pool.submit(self._column, column, steps[name]) for name, column in columns.items()]
            self._wait(futures)

    def _wait(self, futures: list[Future[None]]) -> None:
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        except KeyboardInterrupt:
            self.board.cancelled.set()  # ends downloads, which a part's failure leaves to finish: they are kept
            raise
        finally:
            self.abandon.set()
        wait(futures)
        errors = [error for future in futures if (error := future.exception()) and not isinstance(error, _Abandoned)]
        if errors:
            raise errors[0]

    def _column(self, column: Callable[[Step], None], step: Step) -> None:
        try:
            column(step)
        except _Abandoned:
            step.fail("given up")
            raise
        except TieoutError as error:
            step.fail(str(error))
            raise
        except Cancelled:
            raise
        except Exception as error:
            step.fail(_first_line(error))
            log = layout.log_file("up")
            with log.open("a") as file:
                file.write("".join(traceback.format_exception(error)))
            raise StackError(
                f"{_first_line(error)} ({type(error).__name__}). The whole story is in {log}; "
                "`tieout up` goes on from here"
            ) from error

    def _start_supervisor(self) -> None:
        programs = [postgres.program(), minio.program(), trino.program(), *airflow.programs()]
        config = supervise.config_text(programs)
        mark = _fingerprint(config, self.own)
        if supervise.is_running():
            if layout.home("fingerprint").read_text() != mark:
                raise StackError(
                    f"the stack in {layout.home()} runs with other settings than these: run `tieout down` first"
                )
            return
        for folder in ("trino", "minio"):
            layout.home(folder).mkdir(exist_ok=True)
        supervise.start(config, self.environment)
        layout.home("fingerprint").write_text(mark)

    def _postgres(self, step: Step) -> None:
        version = self._start(step, postgres.NAME, postgres.probe)
        step.update("creating databases")
        bootstrap.ensure_databases()
        self.databases.set()
        bootstrap.migrate_app(step)
        step.finish(f"Postgres {version} on port {get_settings().postgres_port}")

    def _minio(self, step: Step) -> None:
        downloads.ensure_minio(step)
        version = self._start(step, minio.NAME, minio.probe)
        step.update("creating buckets and the lake's key")
        minio.ensure_buckets()
        self.buckets.set()
        step.finish(f"MinIO {version} on port {get_settings().minio_port}")

    def _lake(self, step: Step) -> None:
        self._after(step, self.databases, "Postgres")
        self._after(step, self.buckets, "MinIO")
        bootstrap.ensure_lake(step)
        self.lake.set()
        step.finish(f"Iceberg tables in {WAREHOUSE}")

    def _trino(self, step: Step) -> None:
        downloads.ensure_trino(step)
        self._after(step, self.databases, "Postgres")
        self._after(step, self.buckets, "MinIO")
        version = self._start(step, trino.NAME, trino.probe)
        self._after(step, self.lake, "the lake's schemas")
        bootstrap.ensure_ops(step)
        self._until(step, (trino.NAME,), trino.probe_workers)
        step.finish(f"Trino {version} on port {get_settings().trino_port}")

    def _airflow(self, step: Step) -> None:
        self._after(step, self.databases, "Postgres")
        airflow.ensure_database(step, self.environment)
        step.update("reading the dbt project")
        build_manifest()
        for name in airflow.NAMES:
            supervise.start_program(name)
        version = self._until(step, airflow.NAMES, airflow.probe)
        step.finish(f"Airflow {version} on port {get_settings().airflow_port}")

    def _start(self, step: Step, name: str, probe: Callable[[], str]) -> str:
        supervise.start_program(name)
        return self._until(step, (name,), probe)

    def _until(self, step: Step, names: tuple[str, ...], probe: Callable[[], T]) -> T:
        """Wait until ``probe`` answers, and return its answer."""
        step.update("starting")
        deadline = time.monotonic() + START_SECONDS
        problem: Exception | None = None
        pids: set[int] = set()
        while True:
            try:
                return probe()
            except StackError:
                raise
            except Exception as error:  # not ready is all that it says
                problem = error
            known = supervise.processes()
            for name in names:
                info = known.get(name, {})
                pids.add(info.get("pid", 0))
                # The supervisor starts what has crashed again and again: too many lives say that none will last.
                if info.get("statename") in ("FATAL", "STOPPED", None) or len(pids - {0}) > len(names) + MAX_CRASHES:
                    supervise.stop_program(name)
                    raise StackError(f"{name} does not stay up: {_complaint(name)}. See {layout.log_file(name)}")
            if time.monotonic() > deadline:
                raise StackError(
                    f"{names[0]} was not ready after {START_SECONDS} s ({problem}): see {layout.log_file(names[0])}, "
                    "and run `tieout up` again, which goes on from here"
                )
            if self.abandon.wait(POLL_SECONDS):
                raise _Abandoned

    def _after(self, step: Step, event: threading.Event, what: str) -> None:
        if not event.is_set():
            step.update(f"waiting for {what}")
        while not event.wait(POLL_SECONDS):
            if self.abandon.is_set():
                raise _Abandoned


@contextmanager
def _lock() -> Iterator[None]:
    with layout.home("up.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"another `tieout up` works on {layout.home()}: wait until it is done (`tieout status` tells)"
            ) from None
        yield


def _fingerprint(config: str, own: dict[str, str]) -> str:
    """What tells two sets of settings apart, without giving a secret away."""
    return hashlib.sha256(json.dumps([config, own], sort_keys=True).encode()).hexdigest()


def _complaint(program: str) -> str:
    """The last line of a program's log that sounds like a reason."""
    try:
        lines = layout.log_file(program).read_text(errors="replace").splitlines()[-200:]
    except OSError:
        lines = []
    lines = [line.strip() for line in lines if any(character.isalnum() for character in line)]
    loud = [line for line in lines if re.search(r"error|exception|invalid|fatal|denied|unable", line, re.IGNORECASE)]
    return (loud or lines or ["it left no log"])[-1]


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
