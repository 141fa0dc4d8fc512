"""Drift made in every way on a generated company, and a tie-out that mends it, on the real parts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowFailException
from tests.dbt import PROJECT, build
from tests.lake import fresh_app_database, fresh_lake

from tieout import alerts, connections, sources
from tieout.batch import Batch
from tieout.bronze import validation
from tieout.bronze.validation import validate_bronze
from tieout.controls import drift, repair, report, tie_out
from tieout.controls.identities import load_identities
from tieout.errors import DriftError, TransformationError
from tieout.extract.landing import extract_landing
from tieout.extract.postgres import extract_app_db
from tieout.generate import advance, generate
from tieout.ml.tables import ensure_ml_tables
from tieout.orchestration.dbt_build import dbt_build
from tieout.orchestration.operators import DbtBuildOperator
from tieout.settings import get_settings
from tieout.sources import TableSpec, load_sources, load_table

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

FIRST, SECOND, THIRD, FOURTH = "2026-10-31", "2026-11-02", "2026-11-03", "2026-11-04"
# Long before the window of the second day.
LONG_AGO = datetime(2026, 9, 15, 12, tzinfo=UTC)
CUSTOMERS, SUPPLIERS = "lake.silver.stg_app_db__customers", "lake.silver.stg_app_db__suppliers"
BANK, CHARGES = "lake.silver.stg_app_db__bank_transactions", "lake.silver.stg_stripe__charges"

FEW = (("app_db", "customers"), ("app_db", "suppliers"), ("app_db", "bank_transactions"), ("stripe", "charges"))

Found = set[tuple[str, str, str, str]]


def new_batch(day: str) -> Batch:
    return Batch.of(day, f"repair-{datetime.now(UTC).isoformat()}")


def load(batch: Batch) -> None:
    extract_app_db(batch)
    for source in load_sources().values():
        if source.kind == "landing":
            extract_landing(source.name, batch)


@pytest.fixture(scope="module")
def second(stack) -> Batch:
    """The second day of a company, loaded, built and tied out. Some of its customers have no documents."""
    fresh_app_database()
    fresh_lake()
    ensure_ml_tables()
    generate("tiny", 3, date(2026, 8, 1), date.fromisoformat(FIRST))
    with connections.app_db(autocommit=True) as app:
        app.execute("set session_replication_role = replica")
        for number in range(8):
            add_customer(app, f"Z{number}")
    load(new_batch(FIRST))
    advance(2)
    batch = new_batch(SECOND)
    load(batch)
    dbt_build(batch, quiet=True)
    assert not tie_out.tie_out(batch).drifts
    return batch


@pytest.fixture
def app() -> Iterator[psycopg.Connection]:
    """The app database, behind its triggers' back: what is written keeps its updated_at."""
    with connections.app_db(autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        yield connection


@pytest.fixture
def foreseen(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """Batches whose forecast and alerts would be made again; one test makes them, which takes half of its time."""
    batches: list[Batch] = []
    monkeypatch.setattr(tie_out, "_foresee", batches.append)
    return batches


@pytest.fixture
def describe(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let these tables be all that is described, with the identities on them: runs of few tables are short."""

    def only(*tables: TableSpec) -> None:
        described = {
            name: replace(source, tables=tuple(table for table in tables if table.source == name))
            for name, source in load_sources().items()
            if name in {table.source for table in tables}
        }
        silver = {table.silver for table in tables}
        identities = tuple(found for found in load_identities() if found.left.relation in silver)
        for module in (sources, tie_out, validation, sys.modules[__name__]):
            monkeypatch.setattr(module, "load_sources", lambda: described)
        monkeypatch.setattr(tie_out, "load_identities", lambda: identities)

    return only


@pytest.fixture
def few_tables(describe: Callable[..., None]) -> None:
    """Of all that was loaded and built, four tables are loaded and tied out again."""
    describe(*(load_table(source, name) for source, name in FEW))


@pytest.fixture
def by_month(describe: Callable[..., None]) -> None:
    """Bank transactions as a table that is tied out by the months in which they were entered, and no other table."""
    describe(replace(load_table("app_db", "bank_transactions"), month="created_at"))


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Iterator:
    def change(name: str, value: object) -> None:
        monkeypatch.setenv(f"TIEOUT_{name.upper()}", str(value))
        get_settings.cache_clear()

    yield change
    monkeypatch.undo()
    get_settings.cache_clear()


def add_customer(app: psycopg.Connection, number: str) -> str:
    ((key,),) = app.execute(
        "insert into customers (org_id, customer_number, name, country, currency, payment_terms_days, is_active,"
        " created_at, updated_at) select id, %s, 'Customer', 'US', base_currency, 30, true, %s, %s from organizations"
        " order by id limit 1 returning id",
        (number, LONG_AGO, LONG_AGO),
    )
    return str(key)


def key_of(app: psycopg.Connection, number: str) -> str:
    return str(app.execute("select id from customers where customer_number = %s", (number,)).fetchone()[0])


def some(table: str, key: str, count: int) -> list[str]:
    return [value for (value,) in connections.query(f"select {key} from {table} order by {key} limit {count}")]


def repairs(batch: Batch, status: str = "repaired") -> Found:
    """(source, entity, key, kind) of the rows whose newest line has the status."""
    newest = repair.ops.latest("repairs", "source, entity, key", repair.ops.of_run(batch.run_id, batch.day))
    rows = connections.query(f"select source, entity, key, kind from ({newest}) where status = '{status}'")
    assert len(rows) == len(set(rows))
    return set(rows)


def brought_by_repairs(batch: Batch, entity: str, keys: set[str] | None = None) -> int:
    """Rows of Bronze that repairs of the batch brought; of these keys, if they are named."""
    times = f"select repaired_at from lake.ops.repairs where batch = date '{batch}' and entity = '{entity}'"
    named = ", ".join(f"'{key}'" for key in keys or ())
    ((rows,),) = connections.query(
        f"select count(*) from lake.bronze.app_db__{entity} where _batch = date '{batch}' "
        f"and _extracted_at in ({times}){f' and id in ({named})' if named else ''}"
    )
    return rows


def silver(table: str) -> set[tuple]:
    return set(connections.query(f"select * from {table}"))


def statuses(batch: Batch, entity: str) -> list[str]:
    """drift or tied of a table's tie-outs of a run, in the order in which they were made."""
    return [
        status
        for (status,) in connections.query(
            "select min(status) from lake.ops.tie_out where check_name in ('source_silver', 'bronze_silver') "
            f"and run_id = '{batch.run_id}' and entity = '{entity}' group by recorded_at order by recorded_at"
        )
    ]


def assert_bronze_gives(batch: Batch, *tables: str) -> None:
    """A rebuild of Silver from Bronze alone has the rows that Silver has."""
    before = {table: silver(table) for table in tables}
    models = [table.rpartition(".")[2] for table in tables]
    build(PROJECT, str(batch), "--full-refresh", "--select", *models, "--exclude-resource-type", "unit_test", "test")
    for table in tables:
        assert silver(table) == before[table], table


def test_a_run_without_drift_repairs_nothing(second: Batch) -> None:
    assert repairs(second) == set()
    assert set(statuses(second, "customers")) == {"tied"}


def test_drift_of_every_kind_is_mended_and_nothing_else_is_read(
    second: Batch, few_tables: None, app: psycopg.Connection, capsys: pytest.CaptureFixture
) -> None:
    late = add_customer(app, "LATE")
    app.execute("update customers set name = 'Behind the trigger' where customer_number = 'Z1'")
    gone, bypassed = key_of(app, "Z2"), key_of(app, "Z1")
    # With the late one there are as many keys as before, so the extraction does not look for what has gone.
    app.execute("delete from customers where customer_number = 'Z2'")
    batch = new_batch(SECOND)
    load(batch)
    validate_bronze(batch)
    dbt_build(batch, ["stg_app_db__customers+", "stg_app_db__suppliers+", "stg_stripe__charges+"], quiet=True)
    altered, removed, twice, *_ = some(SUPPLIERS, "supplier_id", 3)
    connections.execute(
        f"update {SUPPLIERS} set name = 'Altered', _extracted_at = null where supplier_id = '{altered}'"
    )
    connections.execute(f"delete from {SUPPLIERS} where supplier_id = '{removed}'")
    copied = f"insert into {SUPPLIERS} select * from {SUPPLIERS} where supplier_id = '{twice}'"
    connections.execute(copied)
    ((columns,),) = connections.query(
        "select array_join(array_agg(if(column_name = 'supplier_id', '''invented''', column_name) "
        "order by ordinal_position), ', ') from lake.information_schema.columns "
        "where table_schema = 'silver' and table_name = 'stg_app_db__suppliers'"
    )
    connections.execute(f"insert into {SUPPLIERS} select {columns} from {SUPPLIERS} where supplier_id = '{altered}'")
    charge, lost = some(CHARGES, "charge_id", 2)
    connections.execute(f"update {CHARGES} set amount_minor = amount_minor + 1 where charge_id = '{charge}'")
    connections.execute(f"delete from {CHARGES} where charge_id = '{lost}'")
    brought_before = brought_by_repairs(batch, "customers"), brought_by_repairs(batch, "suppliers")

    outcome = tie_out.tie_out(batch)

    assert not outcome.drifts
    expected = {
        ("app_db", "customers", late, "missing_in_lake"),
        ("app_db", "customers", bypassed, "different"),
        ("app_db", "customers", gone, "missing_in_source"),
        ("app_db", "suppliers", altered, "different"),
        ("app_db", "suppliers", removed, "missing_in_lake"),
        ("app_db", "suppliers", twice, "different"),
        ("app_db", "suppliers", "invented", "missing_in_source"),
        ("stripe", "charges", charge, "different"),
        ("stripe", "charges", lost, "missing_in_lake"),
    }
    assert repairs(batch) == expected
    assert statuses(batch, "customers") == statuses(batch, "charges") == ["drift", "tied"]
    # k rows were read again and no more: the invented supplier never was in Bronze and needs no mark there.
    assert brought_by_repairs(batch, "customers") - brought_before[0] == 3
    assert brought_by_repairs(batch, "suppliers") - brought_before[1] == 3
    deleted = dict(
        connections.query(f"select customer_id, is_deleted from {CUSTOMERS} where customer_number like 'Z%'")
    )
    assert {key for key, is_deleted in deleted.items() if is_deleted} == {gone}
    names = dict(connections.query("select customer_id, customer_name from lake.gold_candidate.dim_customer"))
    assert (names[late], names[bypassed]) == ("Customer", "Behind the trigger")
    assert_bronze_gives(batch, CUSTOMERS, SUPPLIERS, CHARGES)

    capsys.readouterr()
    assert report.show(SECOND) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "repaired 3 rows of app_db.customers" in printed
    assert "repaired 2 rows of stripe.charges" in printed
    told = [finding.text for finding in alerts.repairs(batch)]
    assert told == ["app_db.customers: 3 rows", "app_db.suppliers: 4 rows", "stripe.charges: 2 rows"]


def test_a_second_tie_out_finds_nothing_left(second: Batch) -> None:
    batch = new_batch(SECOND)
    load(batch)
    assert not tie_out.tie_out(batch).drifts
    assert repairs(batch) == set()


def test_what_was_repaired_stays_when_its_batch_is_run_again(
    second: Batch, few_tables: None, app: psycopg.Connection, foreseen: list[Batch]
) -> None:
    late = add_customer(app, "LATER")
    batch = new_batch(SECOND)
    load(batch)
    assert not tie_out.tie_out(batch).drifts
    again = new_batch(SECOND)
    load(again)
    validate_bronze(again)
    dbt_build(again, ["stg_app_db__customers+"], quiet=True)
    assert not tie_out.tie_out(again).drifts
    assert repairs(again) == set(), "Silver has the row, and Bronze has kept it"
    assert brought_by_repairs(again, "customers", {late}) == 1
    assert_bronze_gives(again, CUSTOMERS)


def test_rows_that_moved_in_other_tables_come_along(
    second: Batch, few_tables: None, app: psycopg.Connection, foreseen: list[Batch]
) -> None:
    """All tables are brought to one moment, so that what refers to a row that was read again is there too."""
    batch = new_batch(SECOND)
    load(batch)
    moved = key_of(app, "Z3")
    app.execute("update customers set name = 'Moved meanwhile', updated_at = now() where customer_number = 'Z3'")
    (altered,) = some(SUPPLIERS, "supplier_id", 1)
    connections.execute(f"update {SUPPLIERS} set email = 'x@example.com' where supplier_id = '{altered}'")
    assert not tie_out.tie_out(batch).drifts
    assert repairs(batch) == {
        ("app_db", "suppliers", altered, "different"),
        ("app_db", "customers", moved, "different"),
    }


def test_more_rows_than_the_limit_are_left_and_nothing_is_touched(
    second: Batch, few_tables: None, setting, foreseen: list[Batch]
) -> None:
    batch = new_batch(SECOND)
    load(batch)
    keys = some(SUPPLIERS, "supplier_id", 3)
    named = ", ".join(f"'{key}'" for key in keys)
    connections.execute(f"update {SUPPLIERS} set country = 'XX' where supplier_id in ({named})")
    before = silver(SUPPLIERS), brought_by_repairs(batch, "suppliers")
    setting("repair_limit_rows", 2)
    with pytest.raises(
        DriftError, match=r"more than 2 rows of app_db\.suppliers differ(.|\n)*TIEOUT_REPAIR_LIMIT_ROWS"
    ):
        tie_out.tie_out(batch)
    assert (silver(SUPPLIERS), brought_by_repairs(batch, "suppliers")) == before
    left = {("app_db", "suppliers", key, "different") for key in keys}
    assert (repairs(batch, "left"), repairs(batch)) == (left, set())
    listed = connections.query(f"select key from lake.ops.drift where run_id = '{batch.run_id}'")
    assert {key for (key,) in listed} == set(keys)
    assert statuses(batch, "suppliers") == ["drift"]

    setting("repair_limit_rows", 3)
    assert not tie_out.tie_out(batch).drifts
    assert repairs(batch) == left


def test_a_repair_that_broke_off_is_finished_by_the_next_try(
    second: Batch, few_tables: None, monkeypatch: pytest.MonkeyPatch, foreseen: list[Batch]
) -> None:
    batch = new_batch(SECOND)
    load(batch)
    altered, removed = some(SUPPLIERS, "supplier_id", 2)
    connections.execute(f"update {SUPPLIERS} set country = 'YY' where supplier_id = '{altered}'")
    connections.execute(f"delete from {SUPPLIERS} where supplier_id = '{removed}'")
    builds = []

    def breaks_off(*arguments: object, **options: object) -> dict:
        builds.append(arguments)
        raise TransformationError("connection refused", passing=True)

    with monkeypatch.context() as patch:
        patch.setattr("tieout.orchestration.dbt_build.dbt_build", breaks_off)
        with pytest.raises(TransformationError):
            tie_out.tie_out(batch)
    expected = {("app_db", "suppliers", altered, "different"), ("app_db", "suppliers", removed, "missing_in_lake")}
    assert (len(builds), repairs(batch, "begun")) == (1, expected)
    ((held,),) = connections.query(f"select count(*) from {SUPPLIERS} where supplier_id in ('{altered}', '{removed}')")
    assert held == 0, "Bronze has the rows, Silver has not read them"

    assert not tie_out.tie_out(batch).drifts
    assert repairs(batch) == expected
    assert statuses(batch, "suppliers") == ["drift", "tied"]
    assert_bronze_gives(batch, SUPPLIERS)


def test_a_build_that_fails_for_want_of_rows_is_mended(second: Batch) -> None:
    """The tie-out would never be reached: a test of Gold or Silver has failed before it."""
    batch = new_batch(SECOND)
    load(batch)
    (twice,) = some(SUPPLIERS, "supplier_id", 1)
    connections.execute(f"insert into {SUPPLIERS} select * from {SUPPLIERS} where supplier_id = '{twice}'")
    told: list[dict] = []
    recorder = type("Recorder", (), {"note": lambda self, records: told.append(records), "final": False})()
    with pytest.raises(TransformationError) as failure:
        dbt_build(batch, ["stg_app_db__suppliers"], quiet=True)
    DbtBuildOperator._mend(batch, recorder, failure.value)
    assert {record["state"] for record in told[-1].values()} == {"success"}
    assert len(told[-1]) > 30, "all models are built, because the build before had stopped"
    assert repairs(batch) == {("app_db", "suppliers", twice, "different")}
    assert not tie_out.tie_out(batch).drifts

    with pytest.raises(AirflowFailException, match="for another reason"):
        DbtBuildOperator._mend(batch, recorder, TransformationError("failed for another reason", of_rows=True))


# --- what finding costs --------------------------------------------------------------------------------------------


def test_finding_few_rows_reads_few(second: Batch, app: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """One pass over both sides by buckets, and then the rows of the buckets that differ alone."""
    table = next(table for table in load_sources()["app_db"].tables if table.name == "gl_entries")
    (count,) = app.execute("select count(*) from gl_entries").fetchone()
    keys = [str(key) for (key,) in app.execute("select id from gl_entries order by id limit 3")]
    queries, read = [], []
    for name, kept in (("buckets", queries), ("hashes", read)):
        original = getattr(drift._Side, name)

        def counted(self, *arguments, original=original, kept=kept):
            found = original(self, *arguments)
            kept.append(len(found))
            return found

        monkeypatch.setattr(drift._Side, name, counted)
    assert list(drift.differing_rows(app, table, count)) == []
    assert (len(queries), read) == (2, [])
    app.execute("update gl_entries set memo = coalesce(memo, '') || '!' where id = any(%s::uuid[])", (keys,))
    try:
        queries.clear()
        assert {row.key for row in drift.differing_rows(app, table, count)} == {(key,) for key in keys}
        assert len(queries) == 2
        assert len(read) == 2
        assert sum(read) <= 2 * len(keys) * 4 * drift._ROWS_PER_BUCKET, f"of {count} rows"
    finally:
        app.execute("update gl_entries set memo = nullif(left(memo, -1), '') where id = any(%s::uuid[])", (keys,))


# --- a table that is tied out by changed months --------------------------------------------------------------------


def measured(batch: Batch) -> set[str]:
    """Measures of the bank transactions' last comparison of a run."""
    newest = repair.ops.latest("tie_out", "source, entity", repair.ops.of_run(batch.run_id, batch.day))
    return {
        measure
        for (measure,) in connections.query(f"select measure from ({newest}) where entity = 'bank_transactions'")
    }


def bank_row(app: psycopg.Connection, month: str, number: int = 0) -> str:
    """A bank transaction of a month that no other test touches: what a repair brought to a batch stays in it."""
    rows = app.execute(
        "select id from bank_transactions where to_char(created_at at time zone 'UTC', 'YYYY-MM') = %s "
        "order by id limit 1 offset %s",
        (month, number),
    )
    return str(rows.fetchone()[0])


def test_only_changed_months_are_compared(
    second: Batch, app: psycopg.Connection, by_month: None, foreseen: list[Batch]
) -> None:
    old, recent = bank_row(app, "2026-09"), bank_row(app, "2026-11")
    app.execute("update bank_transactions set description = 'Behind the trigger' where id = %s", (old,))
    batch = new_batch(THIRD)
    load(batch)
    dbt_build(batch, ["stg_app_db__bank_transactions+"], quiet=True)
    connections.execute(f"update {BANK} set counterparty = 'Altered' where bank_transaction_id = '{recent}'")
    # The drift of the month that the day touched is found; then all is compared with the source, old months too.
    assert not tie_out.tie_out(batch).drifts
    assert repairs(batch) == {("app_db", "bank_transactions", key, "different") for key in (old, recent)}
    first = connections.query(
        "select measure, status from (select *, min(recorded_at) over () as first from lake.ops.tie_out "
        f"where run_id = '{batch.run_id}' and entity = 'bank_transactions') where recorded_at = first"
    )
    assert {measure.rpartition("@")[2] for measure, _ in first} >= {"months", "2026-11"}
    assert not any(measure.endswith("@2026-09") for measure, _ in first)
    assert {measure.split("@")[0] for measure, status in first if status == "drift"} == {"checksum"}


def test_rows_deleted_at_the_source_touch_their_month(
    second: Batch, app: psycopg.Connection, by_month: None, foreseen: list[Batch]
) -> None:
    gone = bank_row(app, "2026-10")
    app.execute("delete from bank_transactions where id = %s", (gone,))
    batch = new_batch(THIRD)
    load(batch)
    dbt_build(batch, ["stg_app_db__bank_transactions+"], quiet=True)
    assert not tie_out.tie_out(batch).drifts
    assert repairs(batch) == set()
    assert "checksum@2026-10" in measured(batch)
    ((there,),) = app.execute(
        "select count(*) from bank_transactions where created_at >= '2026-10-01Z' and created_at < '2026-11-01Z'"
    ).fetchall()
    assert connections.query(
        f"select value from lake.ops.control_totals where run_id = '{batch.run_id}' and layer = 'source' "
        "and entity = 'bank_transactions' and measure = 'rows@2026-10'"
    ) == [(Decimal(there),)]


def test_drift_in_an_old_month_waits_for_the_comparison_of_the_whole(
    second: Batch, app: psycopg.Connection, by_month: None, setting, foreseen: list[Batch]
) -> None:
    altered, deleted = bank_row(app, "2026-08"), bank_row(app, "2026-08", 1)
    connections.execute(f"update {BANK} set amount = amount + decimal '0.01' where bank_transaction_id = '{altered}'")
    connections.execute(f"delete from {BANK} where bank_transaction_id = '{deleted}'")
    batch = new_batch(THIRD)
    load(batch)
    tied = tie_out.TieOutReport(
        batch, tuple(tie_out._measure_silver(batch, tie_out._described(), tie_out.relations())[0])
    )
    assert not tied.drifts, "the second day's tie-out of the whole is a day old"
    setting("full_tie_out_days", 1)
    batch = new_batch(THIRD)
    load(batch)
    assert not tie_out.tie_out(batch).drifts
    assert "checksum" in measured(batch)
    assert repairs(batch) == {
        ("app_db", "bank_transactions", altered, "different"),
        ("app_db", "bank_transactions", deleted, "missing_in_lake"),
    }
    assert_bronze_gives(batch, BANK)


def test_months_of_a_run_that_failed_are_compared_by_the_next(
    second: Batch, app: psycopg.Connection, by_month: None, foreseen: list[Batch]
) -> None:
    app.execute("delete from bank_transactions where id = %s", (bank_row(app, "2026-08"),))
    failed = new_batch(THIRD)
    load(failed)
    dbt_build(failed, ["stg_app_db__bank_transactions+"], quiet=True)
    altered = bank_row(app, "2026-08")
    connections.execute(f"update {BANK} set counterparty = 'Altered' where bank_transaction_id = '{altered}'")

    # The next day's batch brings no row of that month, and the day that failed was not tied out.
    after = new_batch(FOURTH)
    load(after)
    assert connections.query(
        f"select count(*) from lake.bronze.app_db__bank_transactions where _batch = date '{FOURTH}' "
        "and (_op = 'delete' or created_at < timestamp '2026-09-01 00:00:00 UTC')"
    ) == [(0,)]
    totals = connections.query(
        f"select measure from lake.ops.control_totals where run_id = '{after.run_id}' and layer = 'source' "
        "and entity = 'bank_transactions'"
    )
    assert ("checksum@2026-08",) in totals and ("checksum",) not in totals
    dbt_build(after, ["stg_app_db__bank_transactions+"], quiet=True)
    assert not tie_out.tie_out(after).drifts
    assert repairs(after) == {("app_db", "bank_transactions", altered, "different")}

    # What one run has proven is not for the next to prove again.
    again = new_batch("2026-11-05")
    load(again)
    dbt_build(again, ["stg_app_db__bank_transactions+"], quiet=True)
    assert not tie_out.tie_out(again).drifts
    assert not any(measure.endswith("@2026-08") or measure == "checksum" for measure in measured(again))


# --- a repair that broke off in a run that is never taken up again --------------------------------------------------


def test_a_repair_that_broke_off_is_finished_by_a_new_run(
    second: Batch, few_tables: None, app: psycopg.Connection, foreseen: list[Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that was gone from the source is gone from Silver: of what was built, no changed file tells that it was."""
    broken = new_batch(SECOND)
    load(broken)
    # Of no transfer and of no payment: nothing else has to go with it.
    ((gone,),) = app.execute(
        "delete from bank_transactions where id = (select id from bank_transactions where transfer_group_id is null "
        "and payment_id is null and to_char(created_at at time zone 'UTC', 'YYYY-MM') = '2026-10' order by id limit 1) "
        "returning id::text"
    ).fetchall()
    (altered,) = some(SUPPLIERS, "supplier_id", 1)
    connections.execute(f"update {SUPPLIERS} set country = 'ZZ' where supplier_id = '{altered}'")

    def breaks_off(*arguments: object, **options: object) -> dict:
        raise TransformationError("connection refused", passing=True)

    with monkeypatch.context() as patch:
        patch.setattr("tieout.orchestration.dbt_build.dbt_build", breaks_off)
        with pytest.raises(TransformationError):
            tie_out.tie_out(broken)
    expected = {
        ("app_db", "bank_transactions", gone, "missing_in_source"),
        ("app_db", "suppliers", altered, "different"),
    }
    assert repairs(broken, "begun") == expected

    batch = new_batch(THIRD)
    load(batch)
    # As on long histories, where a fact looks at changed files only.
    models = ["stg_app_db__bank_transactions", "stg_app_db__suppliers", "fact_bank_transactions"]
    build(PROJECT, str(batch), "--select", *models, "--exclude-resource-type", "unit_test", "test", narrow_from_rows=1)
    fact = f"from lake.gold_candidate.fact_bank_transactions where bank_transaction_id = '{gone}'"
    assert connections.query(f"select count(*) {fact}") == [(1,)], "which is why the repair must be finished"
    # A build that had failed for that row would have been given it too, although Silver ties.
    assert {(row.table.name, row.rows) for row in tie_out.mend_silver(batch)} == {
        ("bank_transactions", 1),
        ("suppliers", 1),
    }

    assert not tie_out.tie_out(batch).drifts
    assert connections.query(f"select count(*) {fact}") == [(0,)]
    assert connections.query(f"select is_deleted from {BANK} where bank_transaction_id = '{gone}'") == [(True,)]
    assert (repairs(batch), repairs(broken, "begun")) == (expected, expected)
    assert repair.unfinished(tie_out._described()) == []
    assert foreseen == [batch]
    assert_bronze_gives(batch, BANK, SUPPLIERS)

    again = new_batch(THIRD)
    load(again)
    with monkeypatch.context() as patch:
        patch.setattr("tieout.orchestration.dbt_build.dbt_build", breaks_off)
        assert not tie_out.tie_out(again).drifts
    assert repairs(again) == set(), "it was done once"
