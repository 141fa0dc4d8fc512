"""The ML tables in a real Iceberg catalog on local files."""

from datetime import date
from decimal import Decimal

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from tieout.ml.tables import ALERTS, ML_TABLES, NAMESPACE, ensure_ml_tables, replace_day

SCORES = {"score", "wape", "wape_path", "wape_daily", "wape_weekly", "mase", "coverage_80", "coverage_95"}
DAY, NEXT = date(2026, 11, 20), date(2026, 11, 21)


@pytest.fixture
def catalog(tmp_path):
    made = SqlCatalog("lake", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}/warehouse")
    made.create_namespace(NAMESPACE)
    ensure_ml_tables(made)
    yield made
    made.close()


def alert(day: date, alert_id: str, amount: str = "1.5000") -> dict:
    return {
        "run_date": day,
        "alert_id": alert_id,
        "org_id": "org",
        "kind": "duplicate_payment",
        "severity": "high",
        "status": "new",
        "subject_type": "payment",
        "subject_id": "p",
        "occurred_on": day,
        "amount": Decimal(amount),
        "currency": "USD",
        "score": 1.0,
        "reason": "twice",
        "evidence": "{}",
        "model": "rule",
        "model_version": "1",
    }


def rows(catalog) -> list[tuple]:
    found = catalog.load_table(ALERTS.identifier).scan().to_arrow().to_pylist()
    return sorted((row["run_date"], row["alert_id"], row["amount"]) for row in found)


def test_every_table_has_a_snapshot_from_the_start_and_is_made_once(catalog):
    first = {table.name: catalog.load_table(table.identifier).current_snapshot().snapshot_id for table in ML_TABLES}
    ensure_ml_tables(catalog)
    again = {table.name: catalog.load_table(table.identifier).current_snapshot().snapshot_id for table in ML_TABLES}
    assert first == again


def test_a_table_of_an_earlier_version_gains_its_new_columns(catalog):
    replace_day(ALERTS, DAY, [alert(DAY, "a")], catalog)
    held = catalog.load_table(ALERTS.identifier)
    with held.update_schema(allow_incompatible_changes=True) as update:
        update.delete_column("evidence")
    ensure_ml_tables(catalog)
    replace_day(ALERTS, NEXT, [alert(NEXT, "a")], catalog)
    found = catalog.load_table(ALERTS.identifier).scan().to_arrow().to_pylist()
    assert {row["run_date"]: row["evidence"] for row in found} == {DAY: None, NEXT: "{}"}


def test_a_table_of_an_earlier_version_is_described_as_now(catalog):
    held = catalog.load_table(ALERTS.identifier)
    with held.transaction() as transaction:
        transaction.set_properties(comment="Said otherwise.")
        with transaction.update_schema() as update:
            update.update_column("reason", doc="Said otherwise.")
            update.update_column("amount", doc="")
    ensure_ml_tables(catalog)
    held = catalog.load_table(ALERTS.identifier)
    assert held.properties["comment"] == ALERTS.description
    assert {field.name: field.doc for field in held.schema().fields} == {c.name: c.doc for c in ALERTS.columns}
    assert [field.required for field in held.schema().fields] == [column.required for column in ALERTS.columns]


def test_a_table_that_is_up_to_date_is_not_written(catalog):
    before = {table.name: catalog.load_table(table.identifier).metadata_location for table in ML_TABLES}
    ensure_ml_tables(catalog)
    assert before == {table.name: catalog.load_table(table.identifier).metadata_location for table in ML_TABLES}


def test_a_rerun_replaces_its_day_and_no_other(catalog):
    replace_day(ALERTS, DAY, [alert(DAY, "a"), alert(DAY, "b")], catalog)
    replace_day(ALERTS, NEXT, [alert(NEXT, "a")], catalog)
    replace_day(ALERTS, DAY, [alert(DAY, "a", "2.0000")], catalog)
    assert rows(catalog) == [(DAY, "a", Decimal("2.0000")), (NEXT, "a", Decimal("1.5000"))]


def test_a_rerun_without_rows_empties_its_day(catalog):
    replace_day(ALERTS, DAY, [alert(DAY, "a")], catalog)
    replace_day(ALERTS, DAY, [], catalog)
    assert rows(catalog) == []


def test_rows_that_share_a_key_are_refused_before_anything_is_written(catalog):
    replace_day(ALERTS, DAY, [alert(DAY, "a")], catalog)
    with pytest.raises(ValueError, match="1 rows repeat the key run_date, alert_id"):
        replace_day(ALERTS, DAY, [alert(DAY, "b"), alert(DAY, "b")], catalog)
    with pytest.raises(ValueError, match="run_date is not 2026-11-20"):
        replace_day(ALERTS, DAY, [alert(NEXT, "b")], catalog)
    assert rows(catalog) == [(DAY, "a", Decimal("1.5000"))]


def test_only_scores_are_floating_point_and_every_column_is_described():
    for table in ML_TABLES:
        assert set(table.key) <= {column.name for column in table.columns if column.required}
        for column in table.columns:
            assert column.doc.endswith("."), (table.name, column.name)
            assert column.type != "double" or column.name in SCORES
            assert "amount" not in column.name or column.type in ("decimal(19,4)", "decimal(38,4)")
