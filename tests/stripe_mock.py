"""stripe-mock, Stripe's own stand-in for its API: built from its Go module like MinIO, on a port of its own.

It keeps no state and answers every list with one page of fixtures; paging, changes and failures are tested elsewhere.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tieout.local import layout
from tieout.local.downloads import ensure_go_program
from tieout.local.progress import Board

VERSION = "v0.203.0"
MODULE = f"github.com/stripe/stripe-mock@{VERSION}"
BUILD_LINES = 180
START_SECONDS = 30


def binary() -> Path:
    with Board(width=len("stripe-mock")) as board:
        target = layout.cache(f"stripe-mock-{VERSION}")
        return ensure_go_program("stripe-mock", MODULE, target, board.step("stripe-mock"), BUILD_LINES)


@contextmanager
def stripe_mock() -> Iterator[str]:
    """The URL of a mock that runs as long as the context."""
    program = binary()
    port = free_port()
    process = subprocess.Popen(
        [program, "-http-addr", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.communicate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(url, trust_env=False)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    process.kill()
    raise RuntimeError(f"stripe-mock did not start: {process.communicate()[1].decode()[-500:]}")
