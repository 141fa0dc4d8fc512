"""The two servers that do not come with the Python environment: Trino from Maven Central, MinIO from Go source.

Both end up under ``settings.cache`` in one rename, so that a folder that exists is whole. A lock keeps two stacks
of the same project from doing the work twice.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tieout.errors import StackError
from tieout.local import layout
from tieout.local.progress import Cancelled, Step

TRINO_VERSION = "476"
TRINO_SHA256 = "cfd5accde17e8ebd251eeeb78aed1f490e77bb3a164d95a0f454bf8a7c1cbd3f"
# The archive carries some fifty connectors; each one that stays costs start-up time and memory.
TRINO_PLUGINS = {"iceberg"}

MINIO_RELEASE = "2026-02-12T20:18:48Z"
MINIO_MODULE = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
# What `go install -v` prints for a build from nothing; only the progress bar depends on it.
MINIO_BUILD_LINES = 1550

ATTEMPTS = 3
CHUNK = 1 << 20


def trino_home() -> Path:
    return layout.cache(f"trino-server-{TRINO_VERSION}")


def minio_binary() -> Path:
    return layout.cache(f"minio-{MINIO_RELEASE.translate(str.maketrans('', '', '-:'))}")


def ensure_trino(step: Step) -> Path:
    """The unpacked Trino server, downloaded and verified when it is not there yet."""
    target = trino_home()
    with _lock("trino", step):
        if not target.exists():
            archive = _verified_archive(step)
            _unpack(archive, target, step)
    return target


def ensure_minio(step: Step) -> Path:
    """The MinIO binary, built when it is not there yet."""
    return ensure_go_program("MinIO", MINIO_MODULE, minio_binary(), step, MINIO_BUILD_LINES)


def ensure_go_program(name: str, module: str, target: Path, step: Step, lines: int) -> Path:
    """The program of a Go module at ``target`` in the cache, built when it is not there yet.

    module: as `go install` takes it, with its version. lines: what a build from nothing prints, for the progress bar.
    """
    with _lock(name.lower(), step):
        if not target.exists():
            _build(name, module, target, step, lines)
    return target


@contextmanager
def _lock(name: str, step: Step) -> Iterator[None]:
    layout.cache().mkdir(parents=True, exist_ok=True)
    with layout.cache(f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            step.update("waiting for another stack of this project to fetch it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _verified_archive(step: Step) -> Path:
    """The server archive in the local Maven repository, with the right checksum."""
    problem = ""
    for attempt in range(1, ATTEMPTS + 1):
        suffix = f" (attempt {attempt} of {ATTEMPTS})" if attempt > 1 else ""
        try:
            archive = _fetch(step, suffix)
        except Cancelled:
            raise
        except Exception as error:  # jgo lets requests', urllib3's and its own errors through
            problem = f"{type(error).__name__}: {error}"
            continue
        digest = _sha256(archive, step)
        if digest == TRINO_SHA256:
            return archive
        archive.unlink()
        problem = f"checksum of {archive.name} is {digest}, expected {TRINO_SHA256}; the broken file was removed"
    raise StackError(
        f"Trino {TRINO_VERSION} could not be downloaded from Maven Central: {problem}. "
        "Check the network (HTTPS_PROXY is honoured) and start again"
    )


def _fetch(step: Step, suffix: str) -> Path:
    from jgo.maven import MavenContext, PythonResolver

    @contextmanager
    def progress(filename: str, total: int) -> Iterator[Callable[[int], None]]:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            before, done = done, done + count
            if before >> 20 != done >> 20:
                step.update(f"downloading {filename}, {total / 1e6:.0f} MB{suffix}", done, total)

        yield advance

    context = MavenContext(resolver=PythonResolver(progress_callback=progress), timeout=60)
    artifact = context.project("io.trino", "trino-server").at_version(TRINO_VERSION).artifact(packaging="tar.gz")
    try:
        return artifact.resolve()
    except BaseException:
        # jgo writes straight to the final name and takes any file there for a whole one.
        artifact.cached_path.unlink(missing_ok=True)
        raise


def _sha256(path: Path, step: Step) -> str:
    total, done, digest = path.stat().st_size, 0, hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(8 * CHUNK):
            digest.update(chunk)
            done += len(chunk)
            step.update(f"verifying {path.name}", done, total)
    return digest.hexdigest()


class _Counted:
    """A file whose reads move a progress bar."""

    def __init__(self, path: Path, step: Step):
        self._file, self._total, self._step = path.open("rb"), path.stat().st_size, step

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._step.update("unpacking", self._file.tell(), self._total)
        return data

    def close(self) -> None:
        self._file.close()


def _unpack(archive: Path, target: Path, step: Step) -> None:
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    counted = _Counted(archive, step)
    try:
        with tarfile.open(fileobj=counted, mode="r|gz", bufsize=CHUNK) as tar:
            tar.extraction_filter = tarfile.data_filter
            tar.extractall(partial)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StackError(f"cannot unpack {archive.name} to {target}: {error}. Free disk space") from error
    finally:
        counted.close()
    root = partial / target.name
    # Plugins share their jars through hard links, so the rest can only go after everything is unpacked.
    for plugin in (root / "plugin").iterdir():
        if plugin.name not in TRINO_PLUGINS:
            shutil.rmtree(plugin)
    shutil.rmtree(root / "secrets-plugin", ignore_errors=True)
    root.rename(target)
    partial.rmdir()


def _build(name: str, module: str, target: Path, step: Step, lines: int) -> None:
    build = layout.cache(f"{name.lower()}.partial")
    build.mkdir(exist_ok=True)
    command = [
        str(layout.venv_bin("go")),
        "install",
        "-v",
        "-ldflags=-s -w",
        module,
    ]
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("GO")},
        **{key: os.environ[key] for key in ("GOPROXY", "GOCACHE", "GOMODCACHE", "GOSUMDB") if key in os.environ},
        "GOBIN": str(build),
        "GOTOOLCHAIN": "local",  # never fetch another compiler than the one that is locked
        "CGO_ENABLED": "0",  # needs no C compiler, and runs with any libc
    }
    tail: deque[str] = deque(maxlen=3)
    step.update("building from source")
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=build
    )
    assert process.stderr is not None
    for number, line in enumerate(process.stderr, start=1):
        tail.append(line.strip())
        step.update("building from source", min(number, lines), lines)
    if process.wait() != 0:
        raise StackError(
            f"{name} could not be built from {module}: {' | '.join(tail)}. Check the network (GOPROXY and "
            "HTTPS_PROXY are honoured) and the disk, and start again: what was fetched is kept"
        )
    # Go names a program by the last part of its module's path.
    (build / module.partition("@")[0].rsplit("/", 1)[-1]).rename(target)
    build.rmdir()
