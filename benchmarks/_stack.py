"""A stack of a benchmark's own, on ports and in a folder of its own: benchmarks empty the lake."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from tieout.settings import PROJECT_ROOT, Settings, get_settings

PORT_OFFSET = 3000


@contextmanager
def own_stack(heap: str | None = None) -> Iterator[None]:
    """The stack in .tieout-bench, removed at the end. heap: Trino's, where the default is too small for the data."""
    from tieout.local.progress import Board
    from tieout.local.stack import down, up

    home = PROJECT_ROOT / ".tieout-bench"
    os.environ["TIEOUT_HOME"] = str(home)
    os.environ["AIRFLOW_HOME"] = str(home / "airflow")
    if heap:
        os.environ.setdefault("TIEOUT_TRINO_HEAP", heap)
    for name in ("postgres_port", "minio_port", "minio_console_port", "trino_port", "airflow_port"):
        os.environ[f"TIEOUT_{name.upper()}"] = str(Settings.model_fields[name].default + PORT_OFFSET)
    get_settings.cache_clear()
    with Board() as board:
        up(board)
    get_settings.cache_clear()
    try:
        yield
    finally:
        down()
        shutil.rmtree(home)
