"""Forecast and anomalies on the real Trino and object store, over small Silver tables made by hand.

The tables stand in lake.scratch under Silver's names, so that no other test's Silver is touched.
"""

import json
from datetime import date, timedelta
from decimal import Decimal

import psycopg
import pytest
from tests.app_database import app_database

from tieout import connections
from tieout.batch import Batch
from tieout.connections import execute, query
from tieout.ml import alert_status, lake
from tieout.ml.anomalies import run_anomalies
from tieout.ml.forecast import HORIZON_DAYS, run_forecast
from tieout.ml.isolation import FEATURES
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
        "bank_transaction_id": "varchar",
        "org_id": "varchar",
        "payment_id": "varchar",
        "counterparty": "varchar",
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
        "customer_id": "varchar",
        "invoice_date": "date",
        "due_date": "date",
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
        "due_date": "date",
    },
    "organizations": {
        "org_id": "varchar",
        "name": "varchar",
        "country": "varchar",
        "base_currency": "varchar",
        "minimum_cash_balance": MONEY,
    },
    "fx_rates": {
        "org_id": "varchar",
        "from_currency": "varchar",
        "to_currency": "varchar",
        "rate_type": "varchar",
        "rate_date": "date",
        "rate": "decimal(20,10)",
        "updated_at": "timestamp(6) with time zone",
    },
    "gl_accounts": {"account_id": "varchar", "account_code": "varchar", "name": "varchar"},
    "gl_entries": {
        "org_id": "varchar",
        "journal_id": "varchar",
        "account_id": "varchar",
        "currency": "varchar",
        "amount": MONEY,
        "entry_date": "date",
        "document_type": "varchar",
        "document_id": "varchar",
        "created_at": "timestamp(6) with time zone",
    },
    "fact_payments": {
        "payment_id": "varchar",
        "org_id": "varchar",
        "direction": "varchar",
        "status": "varchar",
        "supplier_id": "varchar",
        "currency": "varchar",
        "amount": MONEY,
        "payment_date": "date",
        "reversed_on": "date",
        "base_amount": "decimal(38,4)",
        "base_currency": "varchar",
    },
    "fact_ar_aging": {
        "org_id": "varchar",
        "customer_id": "varchar",
        "currency": "varchar",
        "remaining_amount": "decimal(38,4)",
        "as_of_date": "date",
        "due_date": "date",
        "days_overdue": "bigint",
        "is_overdue": "boolean",
        "is_disputed": "boolean",
    },
    "fact_kpi_daily": {
        "org_id": "varchar",
        "base_currency": "varchar",
        "as_of_date": "date",
        "dso": "decimal(38,10)",
        "dpo": "decimal(38,10)",
        "overdue_ratio": "decimal(38,10)",
        "payment_success_rate": "decimal(38,10)",
        "total_ar_amount": "decimal(38,4)",
        "total_ap_amount": "decimal(38,4)",
        "overdue_ar_amount": "decimal(38,4)",
        "collected_amount": "decimal(38,4)",
    },
    "fact_cashflow_forecast": {
        "org_id": "varchar",
        "currency": "varchar",
        "run_date": "date",
        "forecast_date": "date",
        "status": "varchar",
        "closing_balance": "decimal(38,4)",
        "closing_balance_upper_80": "decimal(38,4)",
    },
}


def table_of(entity: str) -> str:
    """Facts are of the Gold candidate, all else of Silver."""
    return f"lake.scratch.{entity}" if entity.startswith("fact_") else f"lake.scratch.stg_app_db__{entity}"


@pytest.fixture(scope="module", autouse=True)
def silver(stack):
    """Empty tables of every entity that the ML tasks read; dropped at the end, with this module's output."""
    real = lake.SILVER, lake.GOLD
    lake.SILVER = lake.GOLD = "lake.scratch"
    for entity, columns in TABLES.items():
        listed = ", ".join(f"{name} {type_}" for name, type_ in {**columns, "is_deleted": "boolean"}.items())
        execute(f"drop table if exists {table_of(entity)}")
        execute(f"create table {table_of(entity)} ({listed})")
    insert("currencies", ("USD", 2), ("KWD", 3))
    ensure_ml_tables()
    yield
    for entity in TABLES:
        execute(f"drop table {table_of(entity)}")
    for table in ML_TABLES:
        for day in (DAY, DAY + timedelta(days=1)):
            replace_day(table, day, [])
    lake.SILVER, lake.GOLD = real


@pytest.fixture(scope="module", autouse=True)
def app(stack):
    """An app database of this module's own, for the decisions on alerts."""
    real = connections.app_db
    with app_database("test_ml") as connections.app_db:
        yield connections.app_db
    connections.app_db = real


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
    execute(f"insert into {table_of(entity)} values {values}")


def stored(table, columns: str, day: date = DAY) -> list[tuple]:
    return query(f"select {columns} from lake.{table.identifier} where run_date = date '{day}' order by {columns}")


def stored_kind(kind: str, columns: str) -> list[tuple]:
    return query(
        f"select {columns} from lake.{ALERTS.identifier} where run_date = date '{DAY}' and kind = '{kind}' order by 1"
    )


def booked(org, amount, day, currency="KWD", transfer=None, key=None, party=None, paid=None) -> tuple:
    return (key or f"{org}/{day}/{amount}", org, paid, party, transfer, currency, amount, day)


@pytest.fixture(scope="module")
def cash(silver):
    """40 weeks of 100.00 in on Mondays and 30.125 out on Fridays, with rows that must not count."""
    monday = DAY - timedelta(days=40 * 7)
    assert DAY.weekday() == 0
    mondays = [monday + timedelta(weeks=i) for i in range(1, 41)]
    insert("bank_accounts", (ORG, "KWD", "1000.0000", monday), (ORG, "EUR", "5", monday))
    insert("bank_accounts", (ORG, "KWD", "7777", monday), deleted=True)
    insert("bank_transactions", *(booked(ORG, "100", day) for day in mondays))
    insert("bank_transactions", *(booked(ORG, "-30.125", day + timedelta(days=4)) for day in mondays))
    insert(
        "bank_transactions",
        booked(ORG, "-500", DAY, transfer="t-1"),
        booked(ORG, "12345", DAY + timedelta(days=1)),
    )
    insert("bank_transactions", booked(ORG, "999", DAY), deleted=True)


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
    assert len(found) == 18 and {row[3] for row in found} <= {"scored", "failed"}
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


def ago(days: int) -> date:
    return DAY - timedelta(days=days)


def payment(key, amount, day, party="s-1", status="succeeded", reversed_on=None, org=ORG, currency="USD") -> tuple:
    return (key, org, "out", status, None, party, currency, amount, day, reversed_on, None)


@pytest.fixture(scope="module")
def books(silver):
    """Every case a rule must raise, beside its nearest neighbour that it must not."""

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
    insert("ar_invoices", ("i-01", ORG, "A-1", "issued", "USD", "100.0000", None, "c-1", ago(90), ago(60)))

    def bill(key, number, total, day, supplier="s-1", status="approved", voided_on=None) -> tuple:
        return (key, ORG, supplier, number, status, "USD", total, day, voided_on, day + timedelta(days=30))

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
    assert {o.kind: o.alerts for o in outcomes if o.alerts or o.kind.startswith("unusual")} == {
        "duplicate_payment": 2,
        "duplicate_bill": 2,
        "over_allocation": 2,
        "unusual_payment": 0,
        "unusual_bill": 0,
        "unusual_bank_transaction": 0,
        "unusual_day": 0,
        "unusual_kpi": 0,
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


def test_what_is_dismissed_is_not_raised_again(books, app, monkeypatch):
    run_anomalies(BATCH)
    ids = dict(stored(ALERTS, "subject_id, alert_id"))
    # Gold is not published here; the candidate has the same alerts.
    candidate = f"lake.{ALERTS.identifier}"
    monkeypatch.setattr(
        connections,
        "query",
        lambda sql, params=(): query(sql.replace("lake.gold.ml_anomaly_alerts", candidate), params),
    )
    alert_status.decide(ids["b-02"], alert_status.DISMISSED, "a deposit and its balance")
    alert_status.decide(ids["b-04"], alert_status.ACKNOWLEDGED, None)
    with pytest.raises(alert_status.AlertStatusError, match="there is no alert"):
        alert_status.decide("f" * 32, alert_status.ACKNOWLEDGED, None)
    run_anomalies(BATCH)
    found = dict(stored(ALERTS, "subject_id, status"))
    assert "b-02" not in found
    assert (found["b-04"], found["p-02"]) == ("acknowledged", "new")
    alert_status.decide(ids["b-02"], alert_status.NEW, None)
    alert_status.decide(ids["b-04"], alert_status.NEW, None)
    run_anomalies(BATCH)
    assert dict(stored(ALERTS, "subject_id, status")) == dict.fromkeys(ids, "new")
    with app() as conn:
        history = conn.execute(
            "select status from review.ml_alert_status where alert_id = %s order by id", (ids["b-02"],)
        )
        assert history.fetchall() == [("dismissed",), ("new",)]


def test_the_list_is_of_the_newest_published_run_although_it_raised_nothing(books, monkeypatch, capsys):
    run_anomalies(BATCH)
    published = [DAY]

    def in_gold(sql, params=()):
        """Gold is not published here; the candidate has the same alerts."""
        days = ", ".join(f"('ml_anomaly_alerts', date '{day}'), ('dim_date', date '2019-12-31')" for day in published)
        sql = sql.replace("lake.ops.publications", f"(values {days}) as published (relation, batch)")
        return query(sql.replace("lake.gold.ml_anomaly_alerts", f"lake.{ALERTS.identifier}"), params)

    monkeypatch.setattr(connections, "query", in_gold)
    alert_status.run(dismiss=None, acknowledge=None, reason=None)
    assert f" alerts of {DAY}" in capsys.readouterr().out
    published.append(DAY + timedelta(days=1))
    alert_status.run(dismiss=None, acknowledge=None, reason=None)
    assert capsys.readouterr().out == "There are no alerts.\n"
    # An older day that is run again takes nothing back.
    published.append(DAY - timedelta(days=1))
    alert_status.run(dismiss=None, acknowledge=None, reason=None)
    assert capsys.readouterr().out == "There are no alerts.\n"


@pytest.mark.parametrize(
    "statement",
    [
        "update review.ml_alert_status set status = 'new'",
        "delete from review.ml_alert_status",
        "insert into review.ml_alert_status (alert_id, status, decided_by) values (md5(''), 'dismissed', 'ann')",
        "insert into review.ml_alert_status (alert_id, status, decided_by) values ('1', 'new', 'ann')",
    ],
    ids=["changed", "deleted", "dismissed without a reason", "no id"],
)
def test_decisions_are_kept_whole(app, statement):
    with app() as conn, pytest.raises(psycopg.errors.CheckViolation):
        conn.execute(statement)


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


def test_a_planted_bill_and_booking_are_found(books):
    org = "55555555-0000-0000-0000-000000000000"
    amounts = [str(200 + (i * 37) % 60) for i in range(300)]

    def bill(key, amount, days, status="approved"):
        return (key, org, "s-2", key, status, "USD", amount, ago(days), None, ago(days - 30))

    insert(
        "ap_bills",
        *(bill(f"u-{i:03}", amount, 1 + i) for i, amount in enumerate(amounts)),
        bill("u-900", "9000", 2),
        bill("u-901", "9000.01", 3, "draft"),
    )
    rows = [booked(org, f"-{amount}", ago(1 + i), "USD", None, f"k-{i:03}", "Bolt") for i, amount in enumerate(amounts)]
    insert(
        "bank_transactions",
        *rows,
        booked(org, "-9000", ago(2), "USD", None, "k-900", "Bolt"),
        booked(org, "-9000", ago(3), "USD", None, "k-901", "Bolt", paid="p-01"),  # told as its payment
        booked(org, "-9000", ago(3), "USD", "t-7", "k-902", "Bolt"),
    )
    run_anomalies(BATCH)
    ((subject, reason, evidence),) = stored_kind("unusual_bill", "subject_id, reason, evidence")
    assert subject == "u-900" and "billed by Bolt" in reason
    assert set(json.loads(evidence)["contributions"]) == set(FEATURES)
    ((subject, reason),) = stored_kind("unusual_bank_transaction", "subject_id, reason")
    assert subject == "k-900" and "this payee's usual" in reason


def test_a_planted_day_is_found(books):
    working = [day for day in (DAY - timedelta(days=back) for back in range(200)) if day.weekday() < 5]
    other = "22222222-0000-0000-0000-000000000000"
    planted = working[3]
    insert("bank_transactions", *(booked(other, str(100 + i * 7 % 11), day, "USD") for i, day in enumerate(working)))
    insert(
        "bank_transactions",
        booked(other, "5000.0001", planted, "USD"),
        booked(other, "90000", working[5], "USD", transfer="t-9"),
    )
    run_anomalies(BATCH)
    # The booking planted above makes its own day unusual, too.
    found = [row for row in stored_kind("unusual_day", "subject_id, amount") if row[0].startswith(other)]
    assert found == [(f"{other}/USD/inflow/{planted}", Decimal("5000.0001") + 100 + 3 * 7 % 11)]


def test_a_planted_kpi_is_found(books):
    org = "66666666-0000-0000-0000-000000000000"
    amounts = ("100000.5", "800", "200", "5000")
    rows = [(org, "USD", ago(i), f"{40 + i % 3}", "30", "0.2", "0.95", *amounts) for i in range(1, 100)]
    insert("fact_kpi_daily", (org, "USD", DAY, "61.25", "30", "0.2", "0.95", *amounts), *rows)
    run_anomalies(BATCH)
    assert stored_kind("unusual_kpi", "subject_id, amount, currency") == [
        (f"{org}/dso/{DAY}", Decimal("100000.5"), "USD")
    ]


def test_clusters_below_a_limit_and_of_round_amounts(books):
    org = "33333333-0000-0000-0000-000000000000"

    def made(key, amount, days, party, currency="USD"):
        return payment(key, amount, ago(days), party=party, org=org, currency=currency)

    insert(
        "payments",
        made("c-1", "4950", 20, "s-1"),
        made("c-2", "4990.50", 15, "s-1"),
        made("c-3", "4901", 8, "s-1"),
        made("c-4", "9900", 20, "s-2"),
        made("c-5", "9950", 19, "s-2"),  # two are no cluster
        made("c-6", "4899", 20, "s-2"),
        made("c-7", "4898", 19, "s-2"),
        made("c-8", "4897", 18, "s-2"),  # more than two per cent below
        made("c-9", "4950", 100, "s-1", "KWD"),
        made("c-10", "4950", 86, "s-1", "KWD"),
        made("c-11", "4950", 72, "s-1", "KWD"),  # a fortnight apart
        made("c-12", "496", 20, "s-1", "KWD"),
        made("c-13", "497", 19, "s-1", "KWD"),
        made("c-14", "498", 18, "s-1", "KWD"),  # no limit is that low
        made("r-1", "3000", 10, "s-2"),
        made("r-2", "5000", 9, "s-2"),
        made("r-3", "20000", 3, "s-2"),
        made("r-4", "3100", 2, "s-2"),  # two digits
    )
    run_anomalies(BATCH)
    columns = "subject_id, severity, amount, occurred_on"
    assert stored_kind("below_limit_cluster", columns) == [("c-1", "medium", Decimal("14841.5"), ago(8))]
    assert stored_kind("round_amount_cluster", columns) == [("r-1", "low", Decimal(28000), ago(3))]
    # a cluster that grows is the same alert
    insert("payments", made("c-15", "4999", 2, "s-1"))
    run_anomalies(BATCH)
    assert stored_kind("below_limit_cluster", columns) == [("c-1", "medium", Decimal("19840.5"), ago(2))]


def test_a_large_first_payment_to_a_supplier(books):
    def paid(key, amount, days, supplier, status="succeeded"):
        return (key, ORG, "out", status, supplier, "EUR", amount, ago(days), None, str(2 * Decimal(amount)), "USD")

    insert(
        "fact_payments",
        *(paid(f"f-{i:03}", str(100 + i), 300 - i, "s-1") for i in range(200)),
        paid("f-900", "5000", 5, "s-2"),
        paid("f-901", "6000", 4, "s-2"),  # its second
        paid("f-902", "9000", 250, "s-3"),  # when the books began
        paid("f-903", "150", 5, "s-4"),  # small
        paid("f-904", "5000", 5, "s-5", "failed"),
    )
    run_anomalies(BATCH)
    ((subject, severity, amount, evidence),) = stored_kind("new_counterparty", "subject_id, severity, amount, evidence")
    assert (subject, severity, amount) == ("f-900", "high", Decimal(5000))
    # of 204 payments the 200th, 298.00, is the first that 98 of 100 stay within; two dollars a euro
    assert json.loads(evidence)["limit_amount"] == "596.0000" and json.loads(evidence)["payments"] == 204


def test_journals_dated_outside_their_period(books):
    def lines(journal, dated, posted):
        account = "a-0"
        at = f"{posted} 10:00:00 UTC"
        return [(ORG, journal, account, "USD", amount, dated, None, None, at) for amount in ("70", "30", "-100")]

    insert(
        "gl_entries",
        *lines("j-1", ago(40), ago(4)),
        *lines("j-2", ago(39), ago(4)),  # as far back as books are open
        *lines("j-3", date(2019, 8, 1), DAY),
        *lines("j-4", date(2019, 7, 31), DAY),  # this month
        *lines("j-5", ago(100), ago(1)),
        *lines("j-6", ago(100), DAY + timedelta(days=1)),  # not posted yet
    )
    insert("gl_entries", *lines("j-7", ago(100), ago(1)), deleted=True)
    run_anomalies(BATCH)
    assert stored_kind("outside_period", "subject_id, severity, amount, occurred_on") == [
        ("j-1", "medium", Decimal(100), ago(40)),
        ("j-3", "high", Decimal(100), date(2019, 8, 1)),
        ("j-5", "high", Decimal(100), ago(100)),
    ]


def test_accounts_whose_first_digits_are_not_natural(books):
    def lines(account, amount, count=1200, document="null"):
        execute(
            f"insert into {table_of('gl_entries')} "
            f"select '{ORG}', concat('k-', cast(i as varchar)), '{account}', 'USD', cast({amount} as decimal(19,4)), "
            f"date '{ago(9)}', 'ap_bill', {document}, timestamp '{ago(9)} 10:00:00 UTC', false "
            f"from unnest(sequence(1, {count})) as t (i)"
        )

    insert("gl_accounts", ("a-1", "6200", "Travel"))
    lines("a-1", "-9 * power(10, i % 3)")  # nines of three magnitudes
    lines("a-2", "power(1e1, 3e0 * i / 1200)")  # Benford's law itself
    lines("a-3", "900 + i % 90")  # of one magnitude, as fixed prices are
    lines("a-4", "-9 * power(10, i % 3)", 900)  # too few
    # Of 400 lines 61, 70, 50, 39, 32, 27, 23, 20 and 78 begin with 1 to 9, 60 of them with 9 in place of 1: 0.0336 off.
    # The limit is 0.0218 for 1,200 amounts, 0.0893 for ten suppliers.
    stray = "if(i % 400 < 60, 9e0 * power(10, i / 400) + i / 1e4, power(1e1, 3e0 * i / 1200))"
    lines("a-5", stray)
    lines("a-6", stray, document="concat('digits-', cast(i % 100 as varchar))")
    bills = [
        (f"digits-{i}", ORG, f"digits-{i % 10}", f"{i}", "open", "USD", 1, ago(9), None, ago(9)) for i in range(100)
    ]
    insert("ap_bills", *bills, deleted=True)
    run_anomalies(BATCH)
    (subject, amount, reason), (other, _, its_reason) = stored_kind("benford_deviation", "subject_id, amount, reason")
    assert (subject, amount) == ("a-1/USD", Decimal(9 * 111 * 400))
    assert "100.0 % of 1200 lines begin with 9" in reason
    assert other == "a-5/USD"
    assert its_reason.endswith(
        "the mean deviation is 0.0336, the limit for 1200 counterparties and other amounts 0.0218"
    )


def test_overdue_receivables_are_one_alert_a_customer_and_currency(books):
    def owed(customer, currency, amount, days, as_of=DAY, disputed=False):
        return (ORG, customer, currency, amount, as_of, as_of - timedelta(days=days), max(days, 0), days > 0, disputed)

    insert("customers", ("u-1", "Nile"))
    insert(
        "fact_ar_aging",
        owed("u-1", "USD", "100.0001", 20),
        owed("u-1", "USD", "50", 31, disputed=True),
        owed("u-1", "KWD", "7.125", 91),
        owed("u-1", "USD", "999", 0),  # due today
        owed("u-2", "USD", "888", 9, as_of=DAY - timedelta(days=1)),
    )
    run_anomalies(BATCH)
    assert stored_kind("overdue_receivable", "subject_id, severity, amount, currency, occurred_on") == [
        ("u-1/KWD", "high", Decimal("7.125"), "KWD", ago(91)),
        ("u-1/USD", "medium", Decimal("150.0001"), "USD", ago(31)),
    ]
    reasons = [row[0] for row in stored_kind("overdue_receivable", "reason")]
    assert "Nile owes 150.0001 USD on 2 overdue invoice(s), 1 of them disputed, the oldest for 31 days" in reasons


def test_cash_expected_below_its_minimum(books):
    low, without, other = (f"{i}4444444-0000-0000-0000-000000000000" for i in range(3))
    at = f"{DAY} 10:00:00 UTC"
    insert(
        "organizations",
        (low, "Low", "US", "USD", "1000"),
        (without, "None", "US", "USD", None),
        (other, "Rich", "US", "USD", "1000"),
    )
    insert(
        "fx_rates",
        (low, "EUR", "USD", "spot", ago(3), "2", at),
        (low, "EUR", "USD", "spot", ago(4), "9", at),
        (low, "EUR", "USD", "closing", DAY, "9", at),
        (low, "EUR", "USD", "spot", DAY + timedelta(days=1), "9", at),
        (low, "KWD", "USD", "spot", ago(32), "3", at),  # too old
    )

    def expected(org, currency, days, balance, status="forecast"):
        return (org, currency, DAY, DAY + timedelta(days=days), status, balance, balance and str(Decimal(balance) + 50))

    insert(
        "fact_cashflow_forecast",
        *(
            row
            for days in (1, 2, 20)
            for row in (expected(low, "KWD", days, "5"), expected(other, "USD", days, "1000"))
        ),
        expected(low, "JPY", 0, None, "failed"),
        expected(low, "USD", 1, "600"),
        expected(low, "EUR", 1, "200"),  # 600 + 2 * 200 is the minimum itself
        expected(low, "USD", 2, "599.5"),
        expected(low, "EUR", 2, "200"),
        expected(low, "USD", 20, "300"),
        expected(low, "EUR", 20, "100.125"),
        expected(without, "USD", 1, "-5"),
    )
    run_anomalies(BATCH)
    ((subject, severity, amount, day, score, evidence),) = stored_kind(
        "low_balance", "subject_id, severity, amount, occurred_on, score, evidence"
    )
    assert (subject, severity, day, score) == (low, "high", DAY + timedelta(days=2), 0.9)
    assert amount == Decimal("499.75")
    assert json.loads(evidence) | {"organization": None} == {
        "organization": None,
        "minimum_cash_balance": "1000.0000",
        "lowest_balance": "500.2500",
        "lowest_date": str(DAY + timedelta(days=20)),
        "currencies_left_out": 2,
    }


def test_every_column_is_described_in_trino(silver):
    for table in ML_TABLES:
        found = query(
            "select column_name, data_type, comment from lake.information_schema.columns "
            f"where table_schema = 'gold_candidate' and table_name = '{table.name}'"
        )
        assert {row[0]: row[2] for row in found} == {column.name: column.doc for column in table.columns}
        doubles = {row[0] for row in found if row[1] in ("double", "real")}
        assert doubles <= {
            "score",
            "wape",
            "wape_path",
            "wape_daily",
            "wape_weekly",
            "mase",
            "coverage_80",
            "coverage_95",
        }
