"""PyIceberg's way to the lake's files, over the process's one S3 client."""

from __future__ import annotations

from pyarrow.fs import FileSystem
from pyiceberg.io.pyarrow import PyArrowFileIO

from tieout.connections import s3_filesystem


class LakeFileIO(PyArrowFileIO):
    """PyArrowFileIO that shares one filesystem.

    PyIceberg's own makes a client for every table it loads, each with connections and buffers of its own.
    """

    def _initialize_fs(self, scheme: str, netloc: str | None = None) -> FileSystem:
        if scheme != "s3":
            raise ValueError(f"the lake's files are in s3, and not in {scheme}://{netloc}")
        return s3_filesystem()
