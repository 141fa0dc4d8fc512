"""What the running servers must hold before the first run: databases, catalog tables, schemas. All safe to repeat."""

from __future__ import annotations

from tieout.connections import iceberg_catalog, postgres
from tieout.local.progress import Step

DATABASES = ("app", "airflow", "iceberg")
SCHEMAS = ("bronze", "silver", "gold_candidate", "gold", "ops", "scratch")

# The tables of Iceberg's JDBC catalog in its schema version V1 (the column iceberg_type), as Iceberg's JdbcUtil
# and PyIceberg's SqlCatalog both expect them. Trino creates none, and would fail without them.
CATALOG_TABLES = """
create table if not exists iceberg_tables (
    catalog_name varchar(255) not null,
    table_namespace varchar(255) not null,
    table_name varchar(255) not null,
    metadata_location varchar(1000),
    previous_metadata_location varchar(1000),
    iceberg_type varchar(5),
    primary key (catalog_name, table_namespace, table_name)
);
create table if not exists iceberg_namespace_properties (
    catalog_name varchar(255) not null,
    namespace varchar(255) not null,
    property_key varchar(255) not null,
    property_value varchar(1000),
    primary key (catalog_name, namespace, property_key)
);
"""


def ensure_databases() -> None:
    """The databases, and the tables of the Iceberg catalog."""
    with postgres("postgres", autocommit=True) as connection:
        present = {row[0] for row in connection.execute("select datname from pg_database")}
        for name in DATABASES:
            if name not in present:
                connection.execute(f'create database "{name}"')
    with postgres("iceberg") as connection:
        connection.execute(CATALOG_TABLES)


def migrate_app(step: Step) -> None:
    """Bring the app database to the newest of ``postgres/migrations``."""
    from tieout.migrations import migrate

    step.update("migrating the app database")
    migrate()


def ensure_lake(step: Step) -> None:
    """The lake's schemas, and the Bronze tables of every described source. Needs no Trino."""
    from tieout.bronze.schema import ensure_bronze_tables

    step.update("creating the lake's schemas")
    catalog = iceberg_catalog()
    present = {".".join(namespace) for namespace in catalog.list_namespaces()}
    for schema in SCHEMAS:
        if schema not in present:
            catalog.create_namespace_if_not_exists(schema)
    step.update("creating the Bronze tables")
    ensure_bronze_tables(catalog)


def ensure_ops(step: Step) -> None:
    """The tables of ``lake.ops``, made through Trino."""
    from tieout.controls.ops import ensure_ops_tables

    step.update("creating the tables of lake.ops")
    ensure_ops_tables()
