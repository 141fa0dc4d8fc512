"""An alert: one thing that looks wrong, with what a person needs to judge it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

HIGH, MEDIUM, LOW = "high", "medium", "low"
# What the column of an alert's amount holds at most: one sum that is larger must not lose a run all its alerts.
LARGEST = Decimal("999999999999999.9999")


@dataclass(frozen=True)
class Alert:
    """subject is (type, key) of the row the alert is about; score is 0 to 1; evidence holds what reason rests on."""

    kind: str
    severity: str
    org_id: str
    subject_type: str
    subject_id: str
    occurred_on: date
    amount: Decimal
    currency: str
    score: float
    reason: str
    evidence: Mapping[str, Any]
    model: str
    model_version: str

    @property
    def alert_id(self) -> str:
        """Of kind and subject alone: neither the day of the run nor a new model version makes it another alert."""
        key = "\x1f".join((self.kind, self.subject_type, self.subject_id))
        return hashlib.sha256(key.encode()).hexdigest()[:32]

    def row(self, run_date: date, status: str) -> dict[str, Any]:
        """The alert as a row of ml_anomaly_alerts; status is what people have decided on it."""
        return asdict(self) | {
            "run_date": run_date,
            "alert_id": self.alert_id,
            "status": status,
            "amount": min(self.amount, LARGEST),
            "evidence": json.dumps(self.evidence, default=_exact, sort_keys=True, ensure_ascii=False),
        }


def _exact(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"evidence holds a {type(value).__name__}: use text, int, date or Decimal")


def money(amount: Decimal, currency: str) -> str:
    """An amount for a sentence: 1,234.50 USD. Zeros beyond two digits are dropped, digits never."""
    digits = max(2, -amount.normalize().as_tuple().exponent)
    return f"{amount:,.{digits}f} {currency}"
