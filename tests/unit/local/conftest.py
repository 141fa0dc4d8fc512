from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tieout.local.progress import Board
from tieout.settings import get_settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stack's folders, empty, on ports that were free a moment ago."""
    monkeypatch.setenv("TIEOUT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TIEOUT_CACHE", str(tmp_path / "cache"))
    names = ("POSTGRES", "MINIO", "MINIO_CONSOLE", "TRINO", "AIRFLOW")
    for name, port in zip(names, free_ports(len(names)), strict=True):
        monkeypatch.setenv(f"TIEOUT_{name}_PORT", str(port))
    get_settings.cache_clear()
    get_settings().home.mkdir()
    yield get_settings().home
    get_settings.cache_clear()


@pytest.fixture
def board() -> Board:
    return Board()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
