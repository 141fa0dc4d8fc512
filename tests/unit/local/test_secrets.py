from __future__ import annotations

import stat
from pathlib import Path

from cryptography.fernet import Fernet

from tieout.local import secrets
from tieout.settings import get_settings


def test_every_secret_is_made_in_one_private_file(home: Path) -> None:
    secrets.ensure()
    path = home / "secrets.env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    values = [get_settings().reveal(name) for name in secrets.GENERATORS]
    assert len(set(values)) == len(values)
    Fernet(get_settings().reveal("airflow_fernet_key"))


def test_a_second_start_changes_nothing(home: Path) -> None:
    secrets.ensure()
    before = (home / "secrets.env").read_text()
    secrets.ensure()
    assert (home / "secrets.env").read_text() == before


def test_what_is_missing_is_added_and_the_rest_is_kept(home: Path) -> None:
    (home / "secrets.env").write_text("TIEOUT_POSTGRES_PASSWORD=kept\n")
    get_settings.cache_clear()
    secrets.ensure()
    assert get_settings().reveal("postgres_password") == "kept"
    assert get_settings().reveal("lake_secret_key")
    assert stat.S_IMODE((home / "secrets.env").stat().st_mode) == 0o600


def test_a_half_written_file_never_stands_in_for_a_whole_one(home: Path) -> None:
    (home / "secrets.env.partial").write_text("TIEOUT_POSTGRES_PASSW")
    secrets.ensure()
    assert not (home / "secrets.env.partial").exists()
    assert get_settings().reveal("postgres_password")
