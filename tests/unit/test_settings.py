from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tieout.errors import ConfigError
from tieout.local.secrets import GENERATORS
from tieout.settings import PROJECT_ROOT, MissingSecret, Settings, get_settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("TIEOUT_HOME", str(tmp_path))
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()


def documented() -> dict[str, tuple[str, str]]:
    rows = {}
    for line in (PROJECT_ROOT / "docs" / "settings.md").read_text().splitlines():
        if line.startswith("| `TIEOUT_"):
            variable, default, text = (cell.strip() for cell in line.strip("|").split("|"))
            rows[variable.strip("`")] = (default, text)
    return rows


def test_every_setting_is_documented_with_its_default_and_its_description() -> None:
    expected = {}
    for name, field in Settings.model_fields.items():
        default = str(field.default).replace(str(PROJECT_ROOT), "<project>")
        shown = "*generated*" if name in GENERATORS else f"`{default}`"
        expected[f"TIEOUT_{name.upper()}"] = (shown, field.description)
    assert documented() == expected


def test_secrets_come_from_the_file_in_home(home: Path) -> None:
    (home / "secrets.env").write_text("TIEOUT_POSTGRES_PASSWORD=from the file\n")
    assert get_settings().reveal("postgres_password") == "from the file"


def test_the_environment_wins_over_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "secrets.env").write_text("TIEOUT_POSTGRES_PASSWORD=from the file\n")
    monkeypatch.setenv("TIEOUT_POSTGRES_PASSWORD", "from the environment")
    assert get_settings().reveal("postgres_password") == "from the environment"


def test_a_missing_secret_says_what_to_do(home: Path) -> None:
    with pytest.raises(MissingSecret, match=r"lake_secret_key is empty: run `tieout up`.*TIEOUT_LAKE_SECRET_KEY"):
        get_settings().reveal("lake_secret_key")


def test_a_value_that_cannot_be_is_refused_by_the_name_of_its_variable(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "secrets.env").write_text("TIEOUT_POSTGRES_PASSWORD=do-not-show\nTIEOUT_OVERLAP_HOURS=-1\n")
    monkeypatch.setenv("TIEOUT_TRINO_PORT", "abc")
    with pytest.raises(
        ConfigError, match=r"TIEOUT_TRINO_PORT is 'abc': .*valid integer.* See docs/settings.md"
    ) as error:
        get_settings()
    assert "do-not-show" not in str(error.value)
    monkeypatch.delenv("TIEOUT_TRINO_PORT")
    with pytest.raises(ConfigError, match="TIEOUT_OVERLAP_HOURS is '-1'"):
        get_settings()


def test_secrets_are_not_printed(home: Path) -> None:
    (home / "secrets.env").write_text("TIEOUT_POSTGRES_PASSWORD=do-not-show\n")
    assert "do-not-show" not in repr(get_settings())
