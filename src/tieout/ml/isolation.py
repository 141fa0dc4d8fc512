"""Unusual payments: an isolation forest over how each payment differs from its counterparty's habits.

The forest (Liu, Ting and Zhou, 2008; scikit-learn's, seeded) isolates rare payments in few random cuts. A payment
becomes an alert only where its score is high and a feature of it can be named that is plainly out of the ordinary: what
no person can follow is not raised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from tieout.ml.alerts import HIGH, LOW, MEDIUM, Alert, money

KIND = "unusual_payment"
MODEL = "isolation_forest"
MODEL_VERSION = "1"
SEED = 7
TREES = 200

# Fewer payments than this do not show what is usual.
MIN_PAYMENTS = 200
# A counterparty's own median counts from this many payments on; before, its organization's median stands in.
OWN_HABIT = 5
# Scores of ordinary payments lie around 0.4 to 0.5; the paper calls those well above 0.6 anomalies.
THRESHOLD = 0.65
HIGH_SCORE = 0.75
MEDIUM_SCORE = 0.70
# At most this share of the payments seen, and never fewer than five: a flood of alerts is read by no one.
MAX_SHARE = 0.001
MIN_ALERTS = 5

# |log ratio| from which an amount is plainly out of the ordinary: 4 times, or a quarter of, the usual.
AMOUNT_FACTOR = math.log(4)
GAP_FACTOR = math.log(4)
RARE_WEEKDAY = 0.01


@dataclass(frozen=True)
class Feature:
    """name, and the threshold of its absolute value from which it may stand as a reason."""

    name: str
    plain_from: float


FEATURES = (
    Feature("amount_to_usual", AMOUNT_FACTOR),
    Feature("amount_to_organization", 2 * AMOUNT_FACTOR),
    Feature("gap_to_usual", GAP_FACTOR),
    Feature("weekday_rarity", -math.log(RARE_WEEKDAY)),
)


def find_unusual(payments: Sequence[dict[str, Any]]) -> list[Alert]:
    """Alerts among payments (rows of features.payments_statement), the most unusual first.

    Fewer than MIN_PAYMENTS give none. The same rows give the same alerts, whatever their order.
    """
    if len(payments) < MIN_PAYMENTS:
        return []
    from sklearn.ensemble import IsolationForest

    payments = sorted(payments, key=lambda row: row["payment_id"])
    matrix = feature_matrix(payments)
    forest = IsolationForest(n_estimators=TREES, random_state=SEED).fit(matrix)
    scores = -forest.score_samples(matrix)
    limit = max(MIN_ALERTS, int(len(payments) * MAX_SHARE))
    suspects = np.argsort(-scores, kind="stable")[:limit]
    suspects = suspects[scores[suspects] >= THRESHOLD]
    if not len(suspects):
        return []
    shares = _contributions(forest, matrix, suspects)
    alerts = []
    for index, share in zip(suspects, shares, strict=True):
        plain = [i for i in np.argsort(-share, kind="stable") if abs(matrix[index, i]) >= FEATURES[i].plain_from]
        if plain:
            reasons = [_reason(FEATURES[i].name, payments[index]) for i in plain]
            alerts.append(_alert(payments[index], float(scores[index]), "; ".join(reasons), share))
    return alerts


def feature_matrix(payments: Sequence[dict[str, Any]]) -> np.ndarray:
    """payments x FEATURES as float64. Each is 0 for what is usual."""
    return np.array([_features(row) for row in payments], dtype=np.float64)


def _features(row: dict[str, Any]) -> tuple[float, ...]:
    usual = row["party_median"] if row["party_payments"] >= OWN_HABIT else row["org_median"]
    gap = 0.0
    if row["gap_days"] is not None and row["party_payments"] >= OWN_HABIT:
        # A payment sooner than usual is what a busy counterparty does; one much later than usual is not.
        gap = max(math.log((row["gap_days"] + 1) / (row["usual_gap"] + 1)), 0.0)
    return (
        math.log(row["amount"] / usual),
        math.log(row["amount"] / row["org_median"]),
        gap,
        -math.log(row["weekday_payments"] / row["direction_payments"]),
    )


def _contributions(forest: Any, matrix: np.ndarray, suspects: np.ndarray) -> np.ndarray:
    """suspects x features: by how much the score falls when the feature is what it usually is."""
    usual = np.median(matrix, axis=0)
    scores = -forest.score_samples(matrix[suspects])
    shares = np.empty((len(suspects), matrix.shape[1]))
    for i in range(matrix.shape[1]):
        changed = matrix[suspects].copy()
        changed[:, i] = usual[i]
        shares[:, i] = scores + forest.score_samples(changed)
    return shares


def _reason(feature: str, row: dict[str, Any]) -> str:
    party = "customer" if row["direction"] == "in" else "supplier"
    own = row["party_payments"] >= OWN_HABIT
    if feature == "amount_to_usual" and own:
        usual = money(_cents(row["party_median"]), row["currency"])
        return f"amount {_times(row['amount'], row['party_median'])} this {party}'s usual {usual}"
    if feature in ("amount_to_usual", "amount_to_organization"):
        usual = money(_cents(row["org_median"]), row["currency"])
        return f"amount {_times(row['amount'], row['org_median'])} the organization's usual {usual}"
    if feature == "gap_to_usual":
        return f"{row['gap_days']} days after this {party}'s last one, usually {row['usual_gap']:.0f}"
    weekday = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[row["weekday"] - 1]
    return f"made on a {weekday}, as {row['weekday_payments']} of {row['direction_payments']} payments were"


def _times(amount: Decimal, usual: Decimal) -> str:
    ratio = amount / usual
    return f"{ratio:.0f}×" if ratio >= 10 else f"{ratio:.1f}×" if ratio >= 1 else f"1/{1 / ratio:.0f} of"


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"))


def _alert(row: dict[str, Any], score: float, reason: str, share: np.ndarray) -> Alert:
    severity = HIGH if score >= HIGH_SCORE else MEDIUM if score >= MEDIUM_SCORE else LOW
    party = row["party"] or "unknown"
    return Alert(
        kind=KIND,
        severity=severity,
        org_id=row["org_id"],
        subject_type="payment",
        subject_id=row["payment_id"],
        occurred_on=row["payment_date"],
        amount=row["amount"],
        currency=row["currency"],
        score=score,
        reason=f"{money(row['amount'], row['currency'])} {_way(row)} {party}: {reason}",
        evidence={
            "direction": row["direction"],
            "party": row["party"],
            "party_payments": row["party_payments"],
            "party_median": row["party_median"],
            "organization_median": row["org_median"],
            "gap_days": row["gap_days"],
            "contributions": {f.name: f"{value:.3f}" for f, value in zip(FEATURES, share, strict=True)},
        },
        model=MODEL,
        model_version=MODEL_VERSION,
    )


def _way(row: dict[str, Any]) -> str:
    return "from" if row["direction"] == "in" else "to"
