"""The stack that integration and end-to-end tests run on: the same code as ``tieout up``, on ports and in a folder of
its own, so that a running demo is neither used nor disturbed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

# How long an example takes is no property of the code: the machine may be busy.
hypothesis_settings.register_profile("tieout", deadline=None)
hypothesis_settings.load_profile("tieout")

# Another offset gives a second test stack, beside one that is at work.
PORT_OFFSET = int(os.environ.get("TIEOUT_TEST_PORT_OFFSET", "1000"))
PORTS = ("postgres_port", "minio_port", "minio_console_port", "trino_port", "airflow_port")


def _point_to_test_stack() -> None:
    from tieout.settings import PROJECT_ROOT, Settings

    for name in [name for name in os.environ if name.startswith("TIEOUT_") and not name.startswith("TIEOUT_TEST_")]:
        # A developer's own settings must not decide what is tested. The cache holds servers only.
        if name != "TIEOUT_CACHE":
            del os.environ[name]
    os.environ["TIEOUT_HOME"] = str(PROJECT_ROOT / f".tieout-test-{PORT_OFFSET}")
    # Whatever imports Airflow makes its home, by default a folder of the user's.
    os.environ["AIRFLOW_HOME"] = f"{os.environ['TIEOUT_HOME']}/airflow"
    for name in PORTS:
        os.environ[f"TIEOUT_{name.upper()}"] = str(Settings.model_fields[name].default + PORT_OFFSET)


# Before any test module is imported: nothing that a test does by mistake may reach the demo's data.
_point_to_test_stack()


@pytest.fixture(scope="session")
def stack() -> Iterator[None]:
    """The test stack, up and bootstrapped. TIEOUT_TEST_KEEP=1 leaves it running and takes it up again next time."""
    from tieout.local.progress import Board
    from tieout.local.stack import down, up
    from tieout.settings import get_settings

    keep = os.environ.get("TIEOUT_TEST_KEEP") == "1"
    get_settings.cache_clear()
    if not keep:
        down()
        _remove(get_settings().home)
        # The secrets that were removed with it must not be taken for those of the stack to come.
        get_settings.cache_clear()
    with Board() as board:
        up(board)
    get_settings.cache_clear()
    yield
    if not keep:
        down()


def _remove(home: Path) -> None:
    if home.exists():
        shutil.rmtree(home)
