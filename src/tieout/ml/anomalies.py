"""The task ``anomalies``: what looks wrong or is due as of the batch day, as rows of ml_anomaly_alerts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tieout.batch import Batch
from tieout.ml import alert_status, due_rules, isolation, lake, ledger_rules, payment_rules, rules, unusual_day
from tieout.ml.alerts import Alert
from tieout.ml.features import MAX_PAYMENTS, payments_statement
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
    detectors: list[tuple[str, Callable[[date], tuple[list[Alert], str]]]] = [
        (rule.kind, lambda day, rule=rule: (rules.find(rule, day), "")) for rule in RULES
    ]
    detectors.append((isolation.KIND, _unusual_payments))
    detectors.append((unusual_day.KIND, lambda day: (unusual_day.find(day), "")))
    statuses = alert_status.statuses()
    outcomes, raised = [], []
    for kind, detect in detectors:
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


def _unusual_payments(day: date) -> tuple[list[Alert], str]:
    payments = lake.rows(payments_statement(day))
    if len(payments) < isolation.MIN_PAYMENTS:
        return [], f"{len(payments)} payments in the last year do not show what is usual ({isolation.MIN_PAYMENTS} do)"
    limit = f"only the newest {MAX_PAYMENTS} payments were looked at" if len(payments) == MAX_PAYMENTS else ""
    return isolation.find_unusual(payments), limit
