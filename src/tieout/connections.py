"""The one way to reach each part of the stack.

Clients are imported inside the functions, so that importing this module costs nothing (DAG files and the
command line import it on every start).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tieout.settings import get_settings

if TYPE_CHECKING:
    import psycopg
    from pyarrow.fs import S3FileSystem
    from pyiceberg.catalog.sql import SqlCatalog
    from trino.dbapi import Connection as TrinoConnection

CATALOG = "lake"  # Trino's catalog, and the catalog_name that both engines write into the Iceberg catalog tables
LAKE_BUCKET = "lake"
LANDING_BUCKET = "landing"
WAREHOUSE = f"s3://{LAKE_BUCKET}/warehouse"


def postgres_dsn(dbname: str, scheme: str = "postgresql") -> str:
    """The URL of database ``dbname``; ``scheme`` may name an SQLAlchemy driver, as in ``postgresql+psycopg``."""
    s = get_settings()
    user, password = quote(s.postgres_user, safe=""), quote(s.reveal("postgres_password"), safe="")
    return f"{scheme}://{user}:{password}@{s.postgres_host}:{s.postgres_port}/{dbname}"


def postgres(dbname: str, **options: Any) -> psycopg.Connection:
    """A connection to database ``dbname``; ``options`` go to ``psycopg.connect``."""
    import psycopg

    return psycopg.connect(postgres_dsn(dbname), **{"connect_timeout": 10, **options})


def app_db(**options: Any) -> psycopg.Connection:
    """A connection to the OLTP app's database."""
    return postgres("app", **options)


def trino_connection(schema: str | None = None, user: str | None = None) -> TrinoConnection:
    """A connection to Trino's catalog ``lake`` in UTC, as the writing user unless ``user`` says otherwise."""
    import trino

    s = get_settings()
    return trino.dbapi.connect(
        host=s.trino_host,
        port=s.trino_port,
        user=user or s.trino_user,
        catalog=CATALOG,
        schema=schema,
        http_scheme="http",
        timezone="UTC",
        source="tieout",
    )


def query(sql: str, params: Sequence[Any] = ()) -> list[tuple]:
    """All rows of one Trino statement; DECIMAL comes as Decimal. ``params`` fill the statement's ``?`` marks."""
    connection = trino_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(sql, list(params) or None)
        return [tuple(row) for row in cursor.fetchall()]
    finally:
        connection.close()


def execute(sql: str, params: Sequence[Any] = ()) -> None:
    """Run one Trino statement to its end."""
    # Trino finishes a statement only while its client fetches, DDL and DML included.
    query(sql, params)


def s3_client() -> Any:
    """A boto3 S3 client with the lake's key: it may use the buckets ``lake`` and ``landing`` only."""
    import boto3
    from botocore.config import Config

    s = get_settings()
    return boto3.client(
        "s3",
        endpoint_url=s.s3_endpoint,
        region_name=s.s3_region,
        aws_access_key_id=s.reveal("lake_access_key"),
        aws_secret_access_key=s.reveal("lake_secret_key"),
        config=Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "max_attempts": 4}),
    )


@cache
def s3_filesystem() -> S3FileSystem:
    """The same store as a pyarrow filesystem, one a process; paths start with the bucket's name."""
    from pyarrow.fs import S3FileSystem

    s = get_settings()
    return S3FileSystem(
        endpoint_override=s.s3_endpoint,
        region=s.s3_region,
        access_key=s.reveal("lake_access_key"),
        secret_key=s.reveal("lake_secret_key"),
        # Parts that are uploaded behind the writer's back pile up in memory; writers bring threads of their own.
        background_writes=False,
        # A small file is then one request instead of three.
        allow_delayed_open=True,
    )


@cache
def iceberg_catalog() -> SqlCatalog:
    """PyIceberg's side of the catalog that Trino's catalog ``lake`` reads and writes too; one a process."""
    from pyiceberg.catalog.sql import SqlCatalog

    # It tells of every file system it makes, several times a table.
    logging.getLogger("pyiceberg").setLevel(logging.WARNING)
    return SqlCatalog(
        CATALOG,
        uri=postgres_dsn("iceberg", "postgresql+psycopg"),
        # Bootstrap owns the DDL: two engines that each create the tables could differ.
        init_catalog_tables="false",
        pool_pre_ping="true",
        warehouse=WAREHOUSE,
        **{
            "py-io-impl": "tieout.bronze.file_io.LakeFileIO",
        },
    )
