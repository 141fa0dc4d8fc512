"""Postgres rows as Arrow record batches: COPY's CSV through psql's pipe straight into Arrow's CSV reader.

psql hands over whole blocks where a Python driver hands over row by row, and the pipe's back pressure bounds memory:
nothing is read ahead of what the writer takes. The cell texts become exact types in one step, decimals from their
digits, never through a float.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from typing import IO

import pyarrow as pa
import pyarrow.csv as pc

from tieout.errors import ExtractionError
from tieout.postgres_binaries import packaged_binaries
from tieout.settings import get_settings

# Larger blocks are no faster and stand in memory several times over: raw, parsed, queued and encoded.
BLOCK_BYTES = 1024 * 1024
# COPY writes NULL as the empty cell and empty text as "".
_CONVERT = {
    "strings_can_be_null": True,
    "quoted_strings_can_be_null": False,
    "null_values": [""],
    "true_values": ["t"],
    "false_values": ["f"],
}


def psql_binary() -> str:
    """The psql that belongs to the server: the packaged one, or the one on the PATH."""
    if folder := packaged_binaries():
        return str(folder / "psql")
    found = shutil.which("psql")
    if not found:
        raise ExtractionError("psql was not found: install the Postgres client and put it on the PATH")
    return found


def copy(select: str, schema: pa.Schema, snapshot: str) -> Iterator[pa.RecordBatch]:
    """The rows of a select as record batches of the schema, read in an exported snapshot of the app database.

    Raises ExtractionError when psql ends with an error, also after its last row, and when a value does not fit its
    type: what was handed over until then must not be committed.
    """
    settings = get_settings()
    # Errors go to a file, not a pipe: nobody reads them until the rows have ended, and a full pipe would block psql.
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [
                psql_binary(),
                "--no-psqlrc",
                "--quiet",
                "--set=ON_ERROR_STOP=1",
                "--command=begin isolation level repeatable read read only",
                f"--command=set transaction snapshot '{snapshot}'",
                "--command=set local timezone to 'UTC'",
                "--command=set local datestyle to 'ISO'",
                f"--command=copy ({select}) to stdout (format csv)",
            ],
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            env={
                "PGHOST": settings.postgres_host,
                "PGPORT": str(settings.postgres_port),
                "PGUSER": settings.postgres_user,
                "PGPASSWORD": settings.reveal("postgres_password"),
                "PGDATABASE": "app",
                "PGCONNECT_TIMEOUT": "10",
                "PGCLIENTENCODING": "UTF8",
            },
        )
        try:
            yield from _read(process.stdout, schema)
            failed = process.wait() != 0
        except pa.ArrowInvalid as error:
            process.kill()
            process.wait()
            if not _text(errors):
                if "straddling" in str(error):  # Arrow's word for a row that more than two blocks hold
                    raise ExtractionError(
                        f"a row is longer than {BLOCK_BYTES // 2**20} MiB as text, which no column of a ledger is: "
                        "shorten its value in the source, or move that column to a table that is not extracted"
                    ) from error
                raise ExtractionError(f"a value does not fit its column's type: {error}") from error
            failed = True
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()
        if failed:
            raise ExtractionError(f"Postgres ended the read: {_text(errors)}")


def _read(stream: IO[bytes], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Record batches of a CSV stream; none where the stream holds no row."""
    buffered = pa.PythonFile(stream, mode="r")
    try:
        reader = pc.open_csv(
            buffered,
            # One parser: the blocks must stay in step with the writers, or parsed blocks pile up in memory.
            read_options=pc.ReadOptions(column_names=schema.names, block_size=BLOCK_BYTES, use_threads=False),
            parse_options=pc.ParseOptions(newlines_in_values=True),
            convert_options=pc.ConvertOptions(column_types=schema, **_CONVERT),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return
        raise
    with reader:
        yield from reader


def _text(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read().decode(errors="replace").strip()
