"""The task as a whole, with a lake that answers every query with rows made here."""

from datetime import date
from decimal import Decimal

import pytest

from tieout.batch import Batch
from tieout.ml import alert_status, anomalies, lake
from tieout.ml.alerts import Alert

DAY = date(2026, 11, 20)
KINDS = [rule.kind for rule in anomalies.RULES]


def overdue(customer: str) -> dict:
    return {
        "org_id": "org",
        "subject_type": "customer",
        "subject_id": customer,
        "occurred_on": DAY,
        "amount": Decimal("10.0000"),
        "currency": "EUR",
        "severity": "low",
        "score": 1.0,
        "party": "Acme",
        "invoices": 1,
        "disputed_invoices": 0,
        "days_overdue": 3,
    }


def id_of(customer: str) -> str:
    common = {name: overdue(customer)[name] for name in ("org_id", "subject_type", "subject_id", "occurred_on")}
    rest = {"amount": Decimal(1), "currency": "EUR", "score": 1.0, "reason": "", "evidence": {}}
    return Alert(kind="overdue_receivable", severity="low", model="rule", model_version="1", **common, **rest).alert_id


@pytest.fixture
def written(monkeypatch) -> list[dict]:
    """The rows that the task writes for DAY. Three customers are overdue; of one it was decided that it is in order."""
    rows: list[dict] = []
    decided = {id_of("u-1"): alert_status.DISMISSED, id_of("u-2"): alert_status.ACKNOWLEDGED, "f" * 32: "dismissed"}
    found = [overdue("u-1"), overdue("u-2"), overdue("u-3")]
    monkeypatch.setattr(alert_status, "statuses", lambda: decided)
    monkeypatch.setattr(anomalies, "ensure_ml_tables", lambda tables: None)
    monkeypatch.setattr(anomalies, "replace_day", lambda table, day, new: rows.extend(new))
    monkeypatch.setattr(lake, "rows", lambda sql: found if "fact_ar_aging" in sql else [])
    return rows


def test_every_detector_runs_and_what_was_dismissed_is_left_out(written):
    outcomes = anomalies.run_anomalies(Batch.of(DAY, "run"))
    assert [outcome.kind for outcome in outcomes] == [
        *KINDS,
        "unusual_payment",
        "unusual_bill",
        "unusual_bank_transaction",
        "unusual_day",
        "unusual_kpi",
    ]
    assert {outcome.kind: outcome.alerts for outcome in outcomes if outcome.alerts} == {"overdue_receivable": 2}
    assert {(row["subject_id"], row["status"], row["run_date"]) for row in written} == {
        ("u-2", "acknowledged", DAY),
        ("u-3", "new", DAY),
    }


def test_a_decision_does_not_hang_on_what_the_alert_says(written, monkeypatch):
    worse = overdue("u-1") | {"amount": Decimal("999.0000"), "severity": "high", "days_overdue": 99}
    monkeypatch.setattr(lake, "rows", lambda sql: [worse] if "fact_ar_aging" in sql else [])
    anomalies.run_anomalies(Batch.of(DAY, "run"))
    assert written == []
