# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = [
#     "dlt[filesystem,parquet,s3,sql-database]==1.31.0",
#     "connectorx==0.4.6",
#     "numpy>=2",
#     "psycopg2-binary==2.9.13",
#     "pyarrow==26.0.1",
#     "s3fs==2026.9.0",
#     "sqlalchemy==2.1.9",
# ]
# ///
"""dlt's extraction of one Postgres table to Parquet in an S3 bucket: the peer of benchmarks/extraction.py.

uv run --script benchmarks/peers/dlt_extract.py pyarrow|connectorx <schema.table> <folder of a bucket>. It has an
environment of its own, since dlt's file system does not resolve together with Airflow. Addresses and keys come from
DSN, S3_ENDPOINT, S3_REGION, S3_KEY and S3_SECRET. Prints JSON: seconds from the first byte asked for to the last one
committed (starting Python and importing dlt are not counted), rows, peak memory, versions and the type of an amount.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from importlib import metadata

# dlt reads settings at import. Arrow tables then go to the bucket as they were extracted, without dlt's own columns,
# which is its default; nothing is told to anybody.
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"

import dlt
import pyarrow.parquet as pq
from dlt.destinations import filesystem
from dlt.sources.sql_database import sql_table
from dlt.sources.sql_database.helpers import create_engine
from s3fs import S3FileSystem

# Rows that are turned into one Arrow table at a time; dlt's own default is 50,000.
CHUNK_ROWS = 100_000
BACKENDS = {
    "pyarrow": {},
    # Streams batches; ConnectorX's default holds the whole table in memory.
    "connectorx": {"return_type": "arrow_stream"},
}


def main(backend: str, table: str, bucket_url: str) -> None:
    schema, name = table.split(".")
    credentials = {
        "aws_access_key_id": os.environ["S3_KEY"],
        "aws_secret_access_key": os.environ["S3_SECRET"],
        "endpoint_url": os.environ["S3_ENDPOINT"],
        "region_name": os.environ["S3_REGION"],
    }
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "bench", pipelines_dir=folder, destination=filesystem(bucket_url, credentials), dataset_name="bench"
        )
        rows = sql_table(
            create_engine(os.environ["DSN"]),
            table=name,
            schema=schema,
            backend=backend,
            chunk_size=CHUNK_ROWS,
            backend_kwargs=BACKENDS[backend],
            reflection_level="full_with_precision",
        )
        started = time.perf_counter()
        pipeline.run(rows, write_disposition="replace", loader_file_format="parquet").raise_on_failed_jobs()
        seconds = time.perf_counter() - started
    loaded, amount = written(bucket_url, credentials, name)
    print(
        json.dumps(
            {
                "seconds": seconds,
                "rows": loaded,
                "amount": amount,
                "peak_mib": peak_mib(),
                "versions": {p: metadata.version(p) for p in ("dlt", "connectorx", "pyarrow", "sqlalchemy")},
            }
        )
    )


def written(bucket_url: str, credentials: dict[str, str], name: str) -> tuple[int, str]:
    """Rows in the bucket, and the type that an amount has there."""
    s3 = S3FileSystem(
        key=credentials["aws_access_key_id"],
        secret=credentials["aws_secret_access_key"],
        endpoint_url=credentials["endpoint_url"],
        client_kwargs={"region_name": credentials["region_name"]},
    )
    files = [pq.ParquetFile(path, filesystem=s3) for path in s3.glob(f"{bucket_url}/bench/{name}/*.parquet")]
    return sum(file.metadata.num_rows for file in files), str(files[0].schema_arrow.field("amount").type)


def peak_mib() -> int:
    """The most that this process held."""
    unit = 1024 if sys.platform == "linux" else 1024 * 1024  # Linux counts kibibytes, macOS bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit


if __name__ == "__main__":
    main(*sys.argv[1:])
