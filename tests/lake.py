"""A clean slate on the test stack: an empty app database, an empty lake and an empty landing bucket."""

from __future__ import annotations

from tieout import connections
from tieout.bronze.schema import ensure_bronze_tables
from tieout.controls.ops import ensure_ops_tables
from tieout.local.bootstrap import SCHEMAS
from tieout.migrations import migrate


def fresh_app_database() -> None:
    """The app database made anew from its migrations."""
    with connections.postgres("postgres", autocommit=True) as connection:
        connection.execute("drop database if exists app with (force)")
        connection.execute("create database app")
    migrate()


def fresh_lake() -> None:
    """No table but those of bootstrap, all empty; nothing landed."""
    empty_tables()
    empty_landing()


def empty_tables() -> None:
    """No table but those of bootstrap, all empty; what landed stays. Files of dropped tables stay in the bucket."""
    with connections.postgres("iceberg") as connection:
        connection.execute("truncate iceberg_tables")
    for schema in SCHEMAS:
        connections.execute(f"create schema if not exists lake.{schema}")
    ensure_ops_tables()
    ensure_bronze_tables(connections.iceberg_catalog())


def empty_landing() -> None:
    s3 = connections.s3_client()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=connections.LANDING_BUCKET):
        for found in page.get("Contents", []):
            s3.delete_object(Bucket=connections.LANDING_BUCKET, Key=found["Key"])
