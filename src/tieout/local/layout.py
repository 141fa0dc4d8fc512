"""Where the local stack keeps its things."""

import hashlib
import os
import sys
import tempfile
from pathlib import Path

from tieout.settings import get_settings


def home(*parts: str) -> Path:
    """A path under the state folder."""
    return get_settings().home.joinpath(*parts).absolute()


def cache(*parts: str) -> Path:
    """A path under the folder of unpacked servers."""
    return get_settings().cache.joinpath(*parts).absolute()


def project(*parts: str) -> Path:
    """A path in the repository."""
    return get_settings().project_root.joinpath(*parts)


def log_file(program: str) -> Path:
    return home("logs", f"{program}.log")


def venv_bin(name: str) -> Path:
    """A command of the environment that runs this code."""
    return Path(sys.executable).parent / name


def socket_path() -> Path:
    """The supervisor's socket, in a folder that only this user can enter.

    It cannot live under ``home``: a socket's path may have 104 bytes on macOS and 108 on Linux.
    """
    digest = hashlib.sha256(str(home()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"tieout-{os.getuid()}-{digest}" / "s"
