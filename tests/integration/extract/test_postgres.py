"""The app database to Bronze on the real parts: windows, deletes, reruns, and tables that do not fit.

Rows are written with plain SQL; what Bronze must hold is written down beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from tests.lake import fresh_app_database, fresh_lake

from tieout import connections
from tieout.batch import Batch
from tieout.bronze.schema import source_schema
from tieout.errors import ExtractionError, SchemaError
from tieout.extract import deletes, postgres
from tieout.extract.copy import copy
from tieout.extract.snapshot import exported_snapshot
from tieout.sources import load_table

pytestmark = pytest.mark.integration

ORG = UUID("00000000-0000-0000-0000-000000000001")
DAY_1, DAY_2, DAY_3 = "2026-11-18", "2026-11-19", "2026-11-20"


@pytest.fixture
def app(stack: object) -> Iterator[psycopg.Connection]:
    """An empty app database with one organization, and an empty lake."""
    fresh_app_database()
    fresh_lake()
    with connections.app_db(autocommit=True) as connection:
        connection.execute(
            "insert into organizations (id, name, country, base_currency) values (%s, 'Acme', 'US', 'USD')", (ORG,)
        )
        yield connection


def add_customers(app: psycopg.Connection, *numbers: str, updated_at: datetime | None = None) -> None:
    """Customers of the given numbers; updated_at is written as given, behind the trigger's back."""
    if updated_at:
        app.execute("set session_replication_role = replica")
    for number in numbers:
        app.execute(
            "insert into customers (id, org_id, customer_number, name, country, currency, payment_terms_days,"
            " is_active, updated_at) values (gen_random_uuid(), %s, %s, %s, 'US', 'USD', 30, true, %s)",
            (ORG, number, f"Customer {number}", updated_at or datetime.now(UTC)),
        )
    app.execute("set session_replication_role = origin")


def extract(day: str) -> dict[str, postgres.ops.TableOutcome]:
    return {outcome.entity: outcome for outcome in postgres.extract_app_db(Batch.of(day, f"run {day}"))}


def customers(day: str) -> list[tuple[str | None, str]]:
    """(customer_number, _op) of a day's batch, in order."""
    return [
        tuple(row)
        for row in connections.query(
            f"select customer_number, _op from lake.bronze.app_db__customers where _batch = date '{day}' order by 2, 1"
        )
    ]


def test_a_table_never_seen_is_read_whole_and_then_by_window(app: psycopg.Connection) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    add_customers(app, "C1", "C2", updated_at=long_ago)
    first = extract(DAY_1)
    assert (first["customers"].rows_kept, first["customers"].status) == (2, "loaded")
    assert customers(DAY_1) == [("C1", "upsert"), ("C2", "upsert")]

    add_customers(app, "C3")
    add_customers(app, "C4", updated_at=long_ago)  # committed late, far beyond the overlap
    assert extract(DAY_2)["customers"].rows_kept == 1
    assert customers(DAY_2) == [("C3", "upsert")]


def test_a_day_without_a_run_leaves_no_gap(app: psycopg.Connection) -> None:
    extract(DAY_1)
    # Changed after the first batch, yet long before the interval of the next run, which comes a year later.
    add_customers(app, "C1", updated_at=datetime.now(UTC) + timedelta(days=2))
    assert extract("2027-12-01")["customers"].rows_kept == 1


def test_rows_that_are_gone_are_marked_deleted_once(app: psycopg.Connection) -> None:
    add_customers(app, "C1", "C2")
    extract(DAY_1)
    (gone,) = app.execute("delete from customers where customer_number = 'C2' returning id").fetchone()
    outcome = extract(DAY_2)["customers"]
    assert outcome.rows_deleted == 1
    deleted = connections.query(
        f"select id, name from lake.bronze.app_db__customers where _batch = date '{DAY_2}' and _op = 'delete'"
    )
    assert deleted == [(str(gone), None)]


def test_keys_are_read_only_where_some_have_gone(app: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    upload = deletes._upload_keys

    def noted(catalog, table, snapshot, where):
        if table.name == "customers":
            read.append("window" if "updated_at" in where else where)
        return upload(catalog, table, snapshot, where)

    monkeypatch.setattr(deletes, "_upload_keys", noted)
    add_customers(app, "C1", "C2", updated_at=datetime(2020, 1, 1, tzinfo=UTC))
    extract(DAY_1)
    merge_customers()

    add_customers(app, "C3")
    extract(DAY_2)
    assert read == ["window"]

    # Bronze knows C3, Silver does not yet: the two sides cannot be compared.
    (gone,) = app.execute("delete from customers where customer_number = 'C1' returning id").fetchone()
    read.clear()
    assert extract(DAY_3)["customers"].rows_deleted == 1
    assert read == ["window", "true"]

    # The same batch again, after Silver has taken its deletion: only keys that begin as the one that is gone are read.
    merge_customers()
    read.clear()
    assert extract(DAY_3)["customers"].rows_deleted == 1
    assert read == ["window", f"""substr(cast("id" as text), 1, 4) in ('{str(gone)[:4]}')"""]

    # Keys may begin in more ways than are worth telling apart.
    monkeypatch.setattr(deletes, "_MOST_BEGINNINGS", 1)
    read.clear()
    assert extract(DAY_3)["customers"].rows_deleted == 1
    assert read == ["window", "true"]

    # One has gone and another came late, beyond the window: as many keys as before. The tie-out finds both.
    merge_customers()
    add_customers(app, "C4", updated_at=datetime(2020, 1, 1, tzinfo=UTC))
    app.execute("delete from customers where customer_number = 'C2'")
    read.clear()
    assert extract("2026-11-21")["customers"].rows_deleted == 0
    assert read == ["window"]


def merge_customers() -> None:
    """What dbt makes of Bronze, as far as deletes are concerned."""
    connections.execute("drop table if exists lake.silver.stg_app_db__customers")
    connections.execute(
        "create table lake.silver.stg_app_db__customers as select id as customer_id, max_by(_op, _extracted_at) ="
        " 'delete' as is_deleted, max_by(_batch, _extracted_at) as _batch, max(_extracted_at) as _extracted_at"
        " from lake.bronze.app_db__customers group by id"
    )


def test_a_rerun_replaces_the_batch_and_reads_whole_what_it_had_read_whole(app: psycopg.Connection) -> None:
    add_customers(app, "C1", "C2", updated_at=datetime(2020, 1, 1, tzinfo=UTC))
    extract(DAY_1)
    add_customers(app, "C3")
    extract(DAY_2)
    extract(DAY_1)
    assert customers(DAY_1) == [("C1", "upsert"), ("C2", "upsert"), ("C3", "upsert")]
    extract(DAY_2)
    assert customers(DAY_2) == [("C3", "upsert")]


def test_all_tables_are_of_one_snapshot(app: psycopg.Connection) -> None:
    extract(DAY_1)
    stamps = connections.query(
        "select distinct _extracted_at from (select _extracted_at from lake.bronze.app_db__currencies"
        " union all select _extracted_at from lake.bronze.app_db__organizations)"
    )
    assert len(stamps) == 1


def test_values_arrive_exactly(app: psycopg.Connection) -> None:
    name = 'Ütf "quoted", \n a line and a tab\t'
    add_customers(app, "C1")
    app.execute("update customers set name = %s, is_active = false", (name,))
    for number, total, memo in [("1", "0.0001", ""), ("2", "999999999999999.9999", None), ("3", "0.1000", "\\N")]:
        app.execute(
            "insert into ar_invoices (org_id, customer_id, invoice_number, status, is_disputed, currency,"
            " subtotal_amount, tax_amount, total_amount, invoice_date, due_date, memo)"
            " select org_id, id, %s, 'issued', false, 'USD', %s, 0, %s, '1999-12-31', '2000-01-30', %s from customers",
            (number, total, total, memo),
        )
    extract(DAY_1)
    assert connections.query("select name, is_active, email from lake.bronze.app_db__customers") == [
        (name, False, None)
    ]
    assert connections.query(
        "select total_amount, memo, invoice_date from lake.bronze.app_db__ar_invoices order by invoice_number"
    ) == [
        (Decimal("0.0001"), "", date(1999, 12, 31)),
        (Decimal("999999999999999.9999"), None, date(1999, 12, 31)),
        (Decimal("0.1000"), "\\N", date(1999, 12, 31)),
    ]


def test_a_new_column_is_carried_and_reported(app: psycopg.Connection) -> None:
    add_customers(app, "C1")
    extract(DAY_1)
    app.execute("alter table customers add column credit_limit numeric(19,4) default 12.3456")
    outcome = extract(DAY_2)["customers"]
    assert "credit_limit" in outcome.reason
    rows = connections.query("select cast(credit_limit as varchar) from lake.bronze.app_db__customers order by _batch")
    assert rows == [(None,), ("12.3456",)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param("alter table customers drop column country", "column country: expected text", id="missing"),
        pytest.param("alter table customers alter column payment_terms_days type bigint", "found bigint", id="retyped"),
        pytest.param("alter table customers add column score numeric", "numeric without precision", id="bare numeric"),
        pytest.param("alter table customers drop constraint customers_pkey cascade", "key \\(id\\)", id="no key"),
        pytest.param(
            "alter table customers drop constraint customers_pkey cascade;"
            "create unique index on customers (id, lower(name))",
            "key \\(id\\)",
            id="no key but beside an expression",
        ),
    ],
)
def test_a_table_that_does_not_fit_stops_alone_and_writes_nothing(
    app: psycopg.Connection, change: str, message: str
) -> None:
    add_customers(app, "C1")
    app.execute(change)
    with pytest.raises(SchemaError, match=message):
        extract(DAY_1)
    assert customers(DAY_1) == []
    assert connections.query("select count(*) from lake.bronze.app_db__organizations") == [(1,)]
    status, reason = connections.query("select status, reason from lake.ops.table_outcomes where entity = 'customers'")[
        0
    ]
    assert status == "failed"
    assert "customers" in reason


def test_columns_that_an_index_only_includes_are_no_part_of_its_key(app: psycopg.Connection) -> None:
    app.execute(
        "alter table customers drop constraint customers_pkey cascade;"
        "create unique index on customers (id) include (name)"
    )
    add_customers(app, "C1")
    assert extract(DAY_1)["customers"].rows_kept == 1


def test_a_read_that_ends_early_commits_nothing(app: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    add_customers(app, "C1", "C2")
    extract(DAY_1)
    select = postgres._select

    def ends_early(*args: object) -> str:
        # Postgres fails on the last row, after it has handed over the rows before it.
        return f"select * from ({select(*args)}) rows where customer_number = 'C1' or 1 / (select 0) > 0"

    app.execute("update customers set is_active = true")
    monkeypatch.setattr(
        postgres, "_select", lambda table, *rest: (ends_early if table.name == "customers" else select)(table, *rest)
    )
    with pytest.raises(ExtractionError, match="division by zero"):
        extract(DAY_2)
    assert customers(DAY_2) == []
    assert customers(DAY_1) == [("C1", "upsert"), ("C2", "upsert")]


def test_copy_reads_in_the_exported_snapshot(app: psycopg.Connection) -> None:
    table = load_table("app_db", "organizations")
    with exported_snapshot() as (_, snapshot):
        app.execute("delete from organizations")
        read = copy(postgres._select(table, (), "true"), source_schema(table), snapshot.name)
        rows = sum(batch.num_rows for batch in read)
    assert rows == 1
