from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from tieout.errors import StackError
from tieout.local import downloads
from tieout.local.progress import Board, Cancelled, Step

ROOT = f"trino-server-{downloads.TRINO_VERSION}"


def server_archive(path: Path) -> Path:
    """A server like the real one: connectors share their jars by hard links, in the archive's order."""
    with tarfile.open(path, "w:gz") as tar:

        def file(name: str, text: bytes) -> None:
            member = tarfile.TarInfo(f"{ROOT}/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))

        def link(name: str, to: str) -> None:
            member = tarfile.TarInfo(f"{ROOT}/{name}")
            member.type, member.linkname = tarfile.LNKTYPE, f"{ROOT}/{to}"
            tar.addfile(member)

        file("lib/trino-main.jar", b"main")
        file("plugin/delta-lake/shared.jar", b"shared")
        link("plugin/iceberg/shared.jar", "plugin/delta-lake/shared.jar")
        file("plugin/iceberg/iceberg.jar", b"iceberg")
        file("secrets-plugin/keystore/k.jar", b"k")
    return path


@pytest.fixture
def step(board: Board) -> Step:
    return board.step("trino")


@pytest.fixture
def archive(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = server_archive(tmp_path / "trino.tar.gz")
    monkeypatch.setattr(downloads, "TRINO_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(downloads, "_fetch", lambda step, suffix: path)
    return path


def test_the_server_is_unpacked_with_the_wanted_connectors_only(archive: Path, step: Step) -> None:
    target = downloads.ensure_trino(step)
    files = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert files == {"lib/trino-main.jar", "plugin/iceberg/shared.jar", "plugin/iceberg/iceberg.jar"}
    assert (target / "plugin/iceberg/shared.jar").read_bytes() == b"shared"


def test_an_unpacked_server_is_taken_as_it_is(archive: Path, step: Step) -> None:
    target = downloads.ensure_trino(step)
    archive.unlink()
    assert downloads.ensure_trino(step) == target


def test_a_set_up_that_was_cut_off_starts_over(archive: Path, step: Step) -> None:
    half = downloads.trino_home().with_name(f"{ROOT}.partial") / ROOT / "lib"
    half.mkdir(parents=True)
    (half / "half.jar").touch()
    target = downloads.ensure_trino(step)
    assert not (target / "lib" / "half.jar").exists()
    assert not half.exists()


def test_a_broken_archive_is_removed_and_fetched_again(
    archive: Path, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = archive.with_name("broken.tar.gz")
    tried: list[Path] = []

    def fetch(step: Step, suffix: str) -> Path:
        if not tried:
            broken.write_bytes(archive.read_bytes()[:-100])
        tried.append(broken if not tried else archive)
        return tried[-1]

    monkeypatch.setattr(downloads, "_fetch", fetch)
    assert downloads.ensure_trino(step).exists()
    assert tried == [broken, archive]
    assert not broken.exists()


def test_an_archive_that_stays_broken_is_one_clear_line(
    archive: Path, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(step: Step, suffix: str) -> Path:
        archive.write_bytes(b"an error page")
        return archive

    monkeypatch.setattr(downloads, "_fetch", fetch)
    with pytest.raises(StackError, match=r"could not be downloaded.*checksum of trino\.tar\.gz is .*start again") as e:
        downloads.ensure_trino(step)
    assert "\n" not in str(e.value)
    assert not downloads.trino_home().exists()


def test_no_network_is_one_clear_line(archive: Path, step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(step: Step, suffix: str) -> Path:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(downloads, "_fetch", fetch)
    with pytest.raises(StackError, match=r"no route to host\. Check the network .* and start again"):
        downloads.ensure_trino(step)


def test_a_build_that_fails_shows_the_compiler_s_last_words(
    home: Path, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MINIO_MODULE", "not a module@v1")
    with pytest.raises(StackError, match=r"MinIO could not be built from not a module@v1: .+start again"):
        downloads.ensure_minio(step)
    assert not downloads.minio_binary().exists()


def test_ctrl_c_ends_a_download_at_once(archive: Path, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def fetch(step: Step, suffix: str) -> Path:
        attempts.append(suffix)
        step.update("downloading", 1, 100)
        return archive

    monkeypatch.setattr(downloads, "_fetch", fetch)
    step = board.step("trino")
    board.cancelled.set()
    with pytest.raises(Cancelled):
        downloads.ensure_trino(step)
    assert len(attempts) == 1
