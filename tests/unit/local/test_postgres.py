from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from tieout.errors import StackError
from tieout.local import postgres
from tieout.settings import get_settings

NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A folder below one that only its owner may enter, as a clone in root's own folder is."""
    (tmp_path / "private" / "below").mkdir(parents=True)
    (tmp_path / "private").chmod(0o700)
    return tmp_path / "private" / "below"


def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")


def test_an_ordinary_user_runs_it_directly(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert postgres.program().command[0] == "/usr/bin/env"


def test_it_is_the_same_stack_from_a_shell_with_another_path(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = postgres.program().command
    monkeypatch.setenv("PATH", f"/another:{os.environ['PATH']}")
    assert postgres.program().command == command


def test_root_gives_it_another_account(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_root(monkeypatch)
    monkeypatch.setattr(postgres, "_enterable", lambda path, account: True)
    command = postgres.program().command
    assert command[:4] == ["setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups"]
    assert not any("caps" in argument for argument in command)


def test_below_a_closed_folder_one_capability_goes_with_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_root(monkeypatch)
    monkeypatch.setattr(postgres, "_enterable", lambda path, account: False)
    assert "--ambient-caps=+dac_override" in postgres.program().command


def test_a_closed_folder_is_recognised(closed: Path) -> None:
    assert not postgres._enterable(closed, NOBODY)


def test_an_account_that_is_not_there_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_root(monkeypatch)
    monkeypatch.setenv("TIEOUT_POSTGRES_OS_USER", "no-such-account")
    get_settings.cache_clear()
    with pytest.raises(StackError, match=r"no account 'no-such-account'.*TIEOUT_POSTGRES_OS_USER"):
        postgres.program()


def test_no_password_is_on_the_command_line(home: Path) -> None:
    from tieout.local import secrets

    secrets.ensure()
    assert get_settings().reveal("postgres_password") not in " ".join(postgres.program().command)
