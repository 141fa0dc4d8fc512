"""The services' logs, read from where the supervisor writes them."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from pathlib import Path
from typing import TextIO

from tieout.errors import StackError
from tieout.local import layout

POLL_SECONDS = 0.3


def show(service: str | None, follow: bool, lines: int) -> None:
    """Print the last ``lines`` of one service's log or of all, and go on printing when ``follow`` says so."""
    files = _files(service)
    labelled = len(files) > 1
    opened = {path: path.open(errors="replace") for path in files}
    try:
        for path, file in opened.items():
            for line in deque(file, maxlen=lines):
                _print(path, line, labelled)
        while follow:
            for path, file in opened.items():
                opened[path] = file = _current(path, file)
                for line in file:
                    _print(path, line, labelled)
            sys.stdout.flush()
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        pass
    finally:
        for file in opened.values():
            file.close()


def _files(service: str | None) -> list[Path]:
    folder = layout.home("logs")
    known = sorted(folder.glob("*.log"))
    if service is None:
        if not known:
            raise StackError(f"no logs in {folder} yet: run `tieout up`")
        return known
    wanted = layout.log_file(service)
    if wanted not in known:
        names = ", ".join(path.stem for path in known) or "none yet"
        raise StackError(f"no log of {service!r} in {folder}: there are {names}")
    return [wanted]


def _current(path: Path, file: TextIO) -> TextIO:
    """``file``, or its successor when the supervisor has rotated the log."""
    try:
        if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            return file
    except OSError:
        return file
    file.close()
    return path.open(errors="replace")


def _print(path: Path, line: str, labelled: bool) -> None:
    text = line if line.endswith("\n") else f"{line}\n"
    sys.stdout.write(f"{path.stem:<22} {text}" if labelled else text)
