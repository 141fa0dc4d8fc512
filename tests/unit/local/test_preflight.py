from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tieout.errors import StackError
from tieout.local import preflight
from tieout.settings import get_settings


def test_a_free_machine_passes(home: Path) -> None:
    preflight.check_ports(running=set())
    preflight.check_home()
    preflight.check_python()


def test_a_port_in_use_names_its_holder_and_the_setting(home: Path) -> None:
    port = get_settings().trino_port
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        with pytest.raises(StackError) as raised:
            preflight.check_ports(running=set())
    message = str(raised.value)
    assert message.startswith(f"port {port} (Trino) is in use by ")
    assert f"(pid {os.getpid()})" in message
    assert "set TIEOUT_TRINO_PORT to a free port" in message
    assert "\n" not in message


def test_a_port_that_this_stack_holds_itself_is_fine(home: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", get_settings().trino_port))
        holder.listen()
        preflight.check_ports(running={"trino"})


def test_two_services_on_one_port_are_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_TRINO_PORT", str(get_settings().minio_port))
    get_settings.cache_clear()
    with pytest.raises(StackError, match="Trino and MinIO are both set to port"):
        preflight.check_ports(running=set())


def test_too_little_disk_says_how_much_is_needed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2 * preflight.GIB))
    with pytest.raises(StackError, match=r"2\.0 GiB of disk free at .* needs 6 GiB to set up"):
        preflight.check_disk()


def test_too_little_memory_says_what_to_lower(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=preflight.GIB))
    with pytest.raises(StackError, match=r"1\.0 GiB of memory available.*TIEOUT_TRINO_HEAP"):
        preflight.check_memory()


def test_an_old_python_is_named(home: Path) -> None:
    with pytest.raises(StackError, match=r"Python 3\.10\.9 is too old: Tieout needs 3\.11\.4"):
        preflight.check_python((3, 10, 9))


def test_a_home_that_cannot_be_written_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").touch()
    monkeypatch.setenv("TIEOUT_HOME", str(home / "file" / "below"))
    get_settings.cache_clear()
    with pytest.raises(StackError, match=r"cannot write to .*TIEOUT_HOME"):
        preflight.check_home()


def test_a_home_that_the_supervisor_cannot_write_down_is_refused(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIEOUT_HOME", str(tmp_path / "mine ;old"))
    get_settings.cache_clear()
    with pytest.raises(StackError, match="has a space before a ; or a #: rename it"):
        preflight.check_home()
