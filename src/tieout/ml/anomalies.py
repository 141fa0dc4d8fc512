"""The task ``anomalies``: what looks wrong or is due as of the batch day, as rows of ml_anomaly_alerts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial

from tieout.batch import Batch
from tieout.ml import (
    alert_status,
    due_rules,
    isolation,
    lake,
    ledger_rules,
    payment_rules,
    rules,
    unusual_day,
    unusual_kpi,
)
from tieout.ml.alerts import Alert
from tieout.ml.features import MAX_ROWS, SUBJECTS, Subject, statement
from tieout.ml.tables import ALERTS, ensure_ml_tables, replace_day

log = logging.getLogger(__name__)

RULES = rules.RULES + payment_rules.RULES + ledger_rules.RULES + due_rules.RULES


@dataclass(frozen=True)
class DetectorOutcome:
    """What one detector raised; reason says what limited it, or is empty."""

    kind: str
    alerts: int
    seconds: Decimal
    reason: str


def run_anomalies(batch: Batch) -> list[DetectorOutcome]:
    """Run every detector as of the batch day and replace that day's alerts, without those that people have dismissed.

    Returns one outcome per detector.
    """
    ensure_ml_tables(tables=(ALERTS,))
    statuses = alert_status.statuses()
    outcomes, raised = [], []
    for kind, detect in DETECTORS:
        started = time.monotonic()
        found, reason = detect(batch.day)
        alerts = [alert for alert in found if statuses.get(alert.alert_id) != alert_status.DISMISSED]
        seconds = Decimal(time.monotonic() - started).quantize(Decimal("0.001"))
        outcomes.append(DetectorOutcome(kind, len(alerts), seconds, reason))
        raised += alerts
        log.info(
            "%s: %d alerts, %d dismissed, in %s s. %s", kind, len(alerts), len(found) - len(alerts), seconds, reason
        )
    rows = [alert.row(batch.day, statuses.get(alert.alert_id, alert_status.NEW)) for alert in raised]
    replace_day(ALERTS, batch.day, rows)
    return outcomes


def _unusual(subject: Subject, day: date) -> tuple[list[Alert], str]:
    found = lake.rows(statement(subject, day))
    if len(found) < isolation.MIN_ROWS:
        return [], f"{len(found)} rows in the last year do not show what is usual ({isolation.MIN_ROWS} do)"
    limit = f"only the newest {MAX_ROWS} rows were looked at" if len(found) == MAX_ROWS else ""
    return isolation.find_unusual(subject, found), limit


# Each detector's kind, and what it finds as of a day with what limited it.
DETECTORS: tuple[tuple[str, Callable[[date], tuple[list[Alert], str]]], ...] = (
    *((rule.kind, lambda day, rule=rule: (rules.find(rule, day), "")) for rule in RULES),
    *((subject.kind, partial(_unusual, subject)) for subject in SUBJECTS),
    (unusual_day.KIND, lambda day: (unusual_day.find(day), "")),
    (unusual_kpi.KIND, lambda day: (unusual_kpi.find(day), "")),
)
