from __future__ import annotations

from pathlib import Path

import pytest

from tieout.errors import ConfigError
from tieout.orchestration import manifest
from tieout.settings import get_settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIEOUT_HOME", str(tmp_path))
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: x\n")
    (folder / "models" / "a.sql").write_text("select 1")
    return folder


def test_models_before_the_first_manifest_say_what_to_do() -> None:
    with pytest.raises(ConfigError, match="run `tieout up`"):
        manifest.load_models()


def test_the_hash_sees_content_names_and_new_files(project: Path) -> None:
    hashes = {manifest.project_hash(project)}
    (project / "models" / "a.sql").write_text("select 2")
    hashes.add(manifest.project_hash(project))
    (project / "models" / "a.sql").rename(project / "models" / "b.sql")
    hashes.add(manifest.project_hash(project))
    (project / "models" / "c.yml").write_text("models: []")
    hashes.add(manifest.project_hash(project))
    assert len(hashes) == 4


def test_the_hash_sees_neither_dbt_s_output_nor_its_logs(project: Path) -> None:
    before = manifest.project_hash(project)
    (project / "target").mkdir()
    (project / "target" / "manifest.json").write_text("{}")
    assert manifest.project_hash(project) == before
