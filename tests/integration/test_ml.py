"""Forecast and anomalies on the real Trino and object store, over small Silver tables made by hand.

The tables stand in lake.scratch under Silver's names, so that no other test's Silver is touched.
"""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tieout.batch import Batch
from tieout.connections import execute, query
from tieout.ml import lake
from tieout.ml.anomalies import run_anomalies
from tieout.ml.forecast import HORIZON_DAYS, run_forecast
from tieout.ml.tables import ACCURACY, ALERTS, FORECAST, ML_TABLES, ensure_ml_tables, replace_day

pytestmark = pytest.mark.integration

DAY = date(2019, 7, 1)
BATCH = Batch.of(DAY, "test")
ORG = "11111111-0000-0000-0000-000000000000"
MONEY = "decimal(19,4)"

TABLES = {
    "currencies": {"currency_code": "varchar", "minor_unit": "integer"},
    "customers": {"customer_id": "varchar", "name": "varchar"},
    "suppliers": {"supplier_id": "varchar", "name": "varchar"},
    "bank_accounts": {
        "org_id": "varchar",
        "currency": "varchar",
        "opening_balance": MONEY,
        "opened_on": "date",
    },
    "bank_transactions": {
        "org_id": "varchar",
        "transfer_group_id": "varchar",
        "currency": "varchar",
        "amount": MONEY,
        "booked_on": "date",
    },
    "payments": {
        "payment_id": "varchar",
        "org_id": "varchar",
        "direction": "varchar",
        "status": "varchar",
        "customer_id": "varchar",
        "supplier_id": "varchar",
        "currency": "varchar",
        "amount": MONEY,
        "payment_date": "date",
        "reversed_on": "date",
        "processor_reference": "varchar",
    },
    "payment_allocations": {
        "payment_id": "varchar",
        "invoice_id": "varchar",
        "bill_id": "varchar",
        "amount": MONEY,
        "allocated_on": "date",
    },
    "credit_notes": {
        "invoice_id": "varchar",
        "bill_id": "varchar",
        "status": "varchar",
        "amount": MONEY,
        "issued_on": "date",
    },
    "ar_invoices": {
        "invoice_id": "varchar",
        "org_id": "varchar",
        "invoice_number": "varchar",
        "status": "varchar",
        "currency": "varchar",
        "total_amount": MONEY,
        "voided_on": "date",
    },
    "ap_bills": {
        "bill_id": "varchar",
        "org_id": "varchar",
        "supplier_id": "varchar",
        "bill_number": "varchar",
        "status": "varchar",
        "currency": "varchar",
        "total_amount": MONEY,
        "bill_date": "date",
        "voided_on": "date",
    },
}


@pytest.fixture(scope="module", autouse=True)
def silver(stack):
    """Empty tables of every entity that the ML tasks read; dropped at the end, with this module's output."""
    real, lake.SILVER = lake.SILVER, "lake.scratch"
    for entity, columns in TABLES.items():
        listed = ", ".join(f"{name} {type_}" for name, type_ in {**columns, "is_deleted": "boolean"}.items())
        execute(f"drop table if exists lake.scratch.stg_app_db__{entity}")
        execute(f"create table lake.scratch.stg_app_db__{entity} ({listed})")
    insert("currencies", ("USD", 2), ("KWD", 3))
    ensure_ml_tables()
    yield
    for entity in TABLES:
        execute(f"drop table lake.scratch.stg_app_db__{entity}")
    for table in ML_TABLES:
        for day in (DAY, DAY + timedelta(days=1)):
            replace_day(table, day, [])
    lake.SILVER = real


def insert(entity: str, *rows: tuple, deleted: bool = False) -> None:
    def literal(value, type_: str) -> str:
        if value is None:
            return f"cast(null as {type_})"
        return f"cast('{value}' as {type_})"

    types = list(TABLES[entity].values())
    values = ", ".join(
        "(" + ", ".join([*(literal(v, t) for v, t in zip(row, types, strict=True)), str(deleted).lower()]) + ")"
        for row in rows
    )
    execute(f"insert into lake.scratch.stg_app_db__{entity} values {values}")


def stored(table, columns: str, day: date = DAY) -> list[tuple]:
    return query(f"select {columns} from lake.{table.identifier} where run_date = date '{day}' order by {columns}")


def stored_kind(kind: str, columns: str) -> list[tuple]:
    return query(
        f"select {columns} from lake.{ALERTS.identifier} where run_date = date '{DAY}' and kind = '{kind}' order by 1"
    )


@pytest.fixture(scope="module")
def cash(silver):
    """40 weeks of 100.00 in on Mondays and 30.125 out on Fridays, with rows that must not count."""
    monday = DAY - timedelta(days=40 * 7)
    assert DAY.weekday() == 0
    mondays = [monday + timedelta(weeks=i) for i in range(1, 41)]
    insert("bank_accounts", (ORG, "KWD", "1000.0000", monday), (ORG, "EUR", "5", monday))
    insert("bank_accounts", (ORG, "KWD", "7777", monday), deleted=True)
    insert("bank_transactions", *((ORG, None, "KWD", "100", day) for day in mondays))
    insert("bank_transactions", *((ORG, None, "KWD", "-30.125", day + timedelta(days=4)) for day in mondays))
    insert(
        "bank_transactions",
        (ORG, "t-1", "KWD", "-500", DAY),
        (ORG, None, "KWD", "12345", DAY + timedelta(days=1)),
    )
    insert("bank_transactions", (ORG, None, "KWD", "999", DAY), deleted=True)


def test_forecast_is_exact_where_the_past_is(cash):
    outcomes = run_forecast(BATCH)
    assert [(o.currency, o.status) for o in outcomes] == [("EUR", "failed"), ("KWD", "forecast")]
    rows = query(
        "select forecast_date, inflow_amount, outflow_amount, closing_balance from "
        f"lake.{FORECAST.identifier} where run_date = date '{DAY}' and currency = 'KWD' order by forecast_date"
    )
    assert len(rows) == HORIZON_DAYS
    # the last Friday counted is 39 weeks in: 1000 + 40 * 100 - 39 * 30.125 - the transfer's 500
    balance = Decimal("3325.125")
    for day, inflow, outflow, closing in rows:
        assert inflow == (Decimal(100) if day.weekday() == 0 else 0)
        assert outflow == (Decimal("30.125") if day.weekday() == 4 else 0)
        balance += inflow - outflow
        assert closing == balance


def test_a_series_that_fails_leaves_a_row_that_says_why(cash):
    run_forecast(BATCH)
    (found,) = query(
        f"select status, horizon_days, inflow_amount, reason from lake.{FORECAST.identifier} "
        f"where run_date = date '{DAY}' and currency = 'EUR'"
    )
    assert found[:3] == ("failed", 0, None)
    assert "EUR is not in app_db.currencies" in found[3]


def test_the_backtest_is_on_record(cash):
    run_forecast(BATCH)
    found = stored(ACCURACY, "flow, model, is_chosen, status")
    assert len(found) == 16 and {row[3] for row in found} <= {"scored", "failed"}
    assert [row[:2] for row in found if row[2]] == [("inflow", "seasonal_mean"), ("outflow", "seasonal_mean")]


def test_a_rerun_gives_the_same_rows_and_leaves_other_days(cash):
    run_forecast(BATCH)
    first = stored(
        FORECAST, "org_id, currency, forecast_date, inflow_amount, closing_balance, closing_balance_upper_95"
    )
    run_forecast(Batch.of(DAY + timedelta(days=1), "test"))
    run_forecast(BATCH)
    assert first == stored(
        FORECAST, "org_id, currency, forecast_date, inflow_amount, closing_balance, closing_balance_upper_95"
    )
    assert len(stored(FORECAST, "forecast_date", DAY + timedelta(days=1))) == HORIZON_DAYS + 1


def payment(key, amount, day, party="s-1", status="succeeded", reversed_on=None) -> tuple:
    return (key, ORG, "out", status, None, party, "USD", amount, day, reversed_on, None)


@pytest.fixture(scope="module")
def books(silver):
    """Every case a rule must raise, beside its nearest neighbour that it must not."""

    def ago(days: int) -> date:
        return DAY - timedelta(days=days)

    insert("suppliers", ("s-1", "Acme"), ("s-2", "Bolt"))
    insert(
        "payments",
        payment("p-01", "500", ago(20)),
        payment("p-02", "500", ago(20)),  # the same day, nothing allocated
        payment("p-03", "600", ago(30)),
        payment("p-04", "600", ago(27)),  # both settle bill b-20
        payment("p-05", "700", ago(30)),
        payment("p-06", "700", ago(30)),  # each settles a bill of its own
        payment("p-07", "800", ago(40)),
        payment("p-08", "800", ago(33)),  # a week apart
        payment("p-09", "900", ago(10)),
        payment("p-10", "900", ago(10), status="failed"),
        payment("p-11", "900", ago(10), party="s-2"),
        payment("p-12", "900", ago(10), status="reversed", reversed_on=ago(5)),
        payment("p-13", "950", ago(400)),
        payment("p-14", "950", ago(400)),  # longer ago than a rule looks back
    )
    insert("payments", payment("p-15", "900", ago(10)), deleted=True)
    insert(
        "payment_allocations",
        ("p-03", None, "b-20", "600", ago(30)),
        ("p-04", None, "b-20", "600", ago(27)),
        ("p-05", None, "b-21", "700", ago(30)),
        ("p-06", None, "b-22", "700", ago(30)),
        ("p-07", "i-01", None, "80", ago(40)),
        ("p-12", "i-01", None, "900", ago(10)),  # reversed since
    )
    insert("credit_notes", ("i-01", None, "issued", "20.01", ago(3)), ("i-01", None, "void", "500", ago(3)))
    insert("ar_invoices", ("i-01", ORG, "A-1", "issued", "USD", "100.0000", None))

    def bill(key, number, total, day, supplier="s-1", status="approved", voided_on=None) -> tuple:
        return (key, ORG, supplier, number, status, "USD", total, day, voided_on)

    insert(
        "ap_bills",
        bill("b-01", "INV-0012", "100", ago(60)),
        bill("b-02", "inv 12", "100", ago(20)),  # the same number, written otherwise
        bill("b-03", "X-1", "200", ago(15)),
        bill("b-04", "X-2", "200", ago(15)),  # the same day and amount
        bill("b-05", "INV-102", "100", ago(50)),  # another number
        bill("b-06", "INV-12", "100", ago(20), supplier="s-2"),
        bill("b-07", "X1", "200", ago(14), status="void", voided_on=ago(13)),
        bill("b-20", "B-20", "600", ago(35)),
        bill("b-21", "B-21", "700", ago(35)),
        bill("b-22", "B-22", "700.5", ago(35)),
    )


def test_rules_raise_what_is_wrong_and_nothing_else(books):
    outcomes = run_anomalies(BATCH)
    assert {o.kind: o.alerts for o in outcomes} == {
        "duplicate_payment": 2,
        "duplicate_bill": 2,
        "over_allocation": 2,
        "unusual_payment": 0,
        "unusual_day": 0,
    }
    reasons = {o.kind: o.reason for o in outcomes}
    assert "do not show what is usual" in reasons["unusual_payment"]
    assert stored(ALERTS, "kind, subject_id, severity, amount, score") == [
        ("duplicate_bill", "b-02", "high", Decimal("100.0000"), 0.95),
        ("duplicate_bill", "b-04", "medium", Decimal("200.0000"), 0.8),
        ("duplicate_payment", "p-02", "high", Decimal("500.0000"), 0.9),
        ("duplicate_payment", "p-04", "high", Decimal("600.0000"), 1.0),
        ("over_allocation", "b-20", "high", Decimal("600.0000"), 1.0),
        ("over_allocation", "i-01", "low", Decimal("0.0100"), 1.0),
    ]


def test_alerts_keep_their_ids_and_their_exact_evidence(books):
    run_anomalies(BATCH)
    first = stored(ALERTS, "alert_id, reason, evidence")
    run_anomalies(BATCH)
    assert first == stored(ALERTS, "alert_id, reason, evidence")
    (evidence,) = [json.loads(row[2]) for row in first if "A-1" in row[1]]
    assert evidence["settled_amount"] == "100.0100" and evidence["settlements"] == 2


def test_a_planted_payment_is_found(books):
    ordinary = [
        payment(f"q-{i:03}", str(200 + (i * 37) % 60), DAY - timedelta(days=1 + i), party="s-2") for i in range(300)
    ]
    insert("payments", *ordinary, payment("q-999", "9000", DAY - timedelta(days=2), party="s-2"))
    run_anomalies(BATCH)
    found = query(
        f"select subject_id, reason from lake.{ALERTS.identifier} "
        f"where run_date = date '{DAY}' and kind = 'unusual_payment'"
    )
    assert [row[0] for row in found] == ["q-999"]
    assert "this supplier's usual" in found[0][1] and "to Bolt" in found[0][1]


def test_a_planted_day_is_found(books):
    working = [day for day in (DAY - timedelta(days=back) for back in range(200)) if day.weekday() < 5]
    other = "22222222-0000-0000-0000-000000000000"
    planted = working[3]
    insert("bank_transactions", *((other, None, "USD", str(100 + i * 7 % 11), day) for i, day in enumerate(working)))
    insert("bank_transactions", (other, None, "USD", "5000.0001", planted), (other, "t-9", "USD", "90000", working[5]))
    run_anomalies(BATCH)
    assert stored_kind("unusual_day", "subject_id, amount") == [
        (f"{other}/USD/inflow/{planted}", Decimal("5000.0001") + 100 + 3 * 7 % 11)
    ]


def test_every_column_is_described_in_trino(silver):
    for table in ML_TABLES:
        found = query(
            "select column_name, data_type, comment from lake.information_schema.columns "
            f"where table_schema = 'gold_candidate' and table_name = '{table.name}'"
        )
        assert {row[0]: row[2] for row in found} == {column.name: column.doc for column in table.columns}
        doubles = {row[0] for row in found if row[1] in ("double", "real")}
        assert doubles <= {"score", "wape_path", "wape_daily", "wape_weekly", "mase", "coverage_80", "coverage_95"}
