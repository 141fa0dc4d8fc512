"""What keeps an extraction process small, whatever else is installed beside it."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder

import pyarrow as pa


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname == "pandas":
            raise ImportError("left out while Arrow makes its first array")


def leave_pandas_out() -> None:
    """Make Arrow decide now that it goes without pandas, unless pandas is in memory already.

    Arrow imports pandas with the first array it makes, where it is installed: tens of MiB that extraction never uses.
    Arrow asks once and remembers. What needs pandas later still imports it, Arrow's own to_pandas included.
    """
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)
