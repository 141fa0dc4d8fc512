"""Unusual payments: an isolation forest over how each payment differs from its counterparty's habits.

The forest (Liu, Ting and Zhou, 2008; scikit-learn's, seeded) isolates rare payments in few random cuts. A payment
becomes an alert only where its score is high and its amount is plainly out of the ordinary: what no person can follow
is not raised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
# At most this share of the payments seen, and never fewer than three: a flood of alerts is read by no one.
MAX_SHARE = 0.0005
MIN_ALERTS = 3

# An amount is plainly out of the ordinary from four times the usual on, where that is also three quartile distances
# above it (Tukey's "far out"): for a counterparty whose amounts differ widely, four times the usual is nothing.
PLAIN_RATIO = 4
PLAIN_DISTANCE = 3.0
# Amounts that hardly differ would make any cent a long way: no distance counts for less than this (in logs).
MIN_SPREAD = math.log(1.5)
# Gap and weekday add to an amount; alone they are no reason to look at a payment.
PLAIN_GAP = math.log(4)
PLAIN_WEEKDAY = -math.log(0.01)

FEATURES = ("amount_to_usual", "amount_to_organization", "gap_to_usual", "weekday_rarity")
AMOUNTS = FEATURES[:2]


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
        plain = _plain(payments[index], matrix[index])
        if any(feature in AMOUNTS for feature in plain):
            by_share = [FEATURES[i] for i in np.argsort(-share, kind="stable") if FEATURES[i] in plain]
            # One amount, one sentence: the counterparty's habit says more than the organization's.
            told = [f for f in by_share if f != AMOUNTS[1] or AMOUNTS[0] not in plain]
            reasons = [_reason(feature, payments[index]) for feature in told]
            alerts.append(_alert(payments[index], float(scores[index]), "; ".join(reasons), share))
    return alerts


def feature_matrix(payments: Sequence[dict[str, Any]]) -> np.ndarray:
    """payments x FEATURES as float64. Each is 0 for what is usual."""
    return np.array([_features(row) for row in payments], dtype=np.float64)


def _features(row: dict[str, Any]) -> tuple[float, ...]:
    usual, spread = _usual(row)
    gap = 0.0
    if row["gap_days"] is not None and _has_habits(row):
        # A payment sooner than usual is what a busy counterparty does; one much later than usual is not.
        gap = max(math.log((row["gap_days"] + 1) / (row["usual_gap"] + 1)), 0.0)
    return (
        _distance(row["amount"], usual, spread),
        _distance(row["amount"], row["org_median"], row["org_spread"]),
        gap,
        -math.log(row["weekday_payments"] / row["direction_payments"]),
    )


def _has_habits(row: dict[str, Any]) -> bool:
    return row["party_payments"] >= OWN_HABIT


def _usual(row: dict[str, Any]) -> tuple[Decimal, float]:
    """(median, spread) that an amount is measured by."""
    if _has_habits(row):
        return row["party_median"], row["party_spread"]
    return row["org_median"], row["org_spread"]


def _distance(amount: Decimal, usual: Decimal, spread: float) -> float:
    """How far above the usual, in spreads. What is below it costs no one anything."""
    return max(math.log(amount / usual), 0.0) / max(spread, MIN_SPREAD)


def _plain(row: dict[str, Any], features: np.ndarray) -> list[str]:
    """The features by which a person would call the payment unusual too."""
    own, organization, gap, weekday = features
    far = {
        "amount_to_usual": own >= PLAIN_DISTANCE and row["amount"] >= PLAIN_RATIO * _usual(row)[0],
        "amount_to_organization": organization >= PLAIN_DISTANCE and row["amount"] >= PLAIN_RATIO * row["org_median"],
        "gap_to_usual": gap >= PLAIN_GAP,
        "weekday_rarity": weekday >= PLAIN_WEEKDAY,
    }
    return [name for name, is_far in far.items() if is_far]


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
    if feature == "amount_to_usual" and _has_habits(row):
        usual = money(_cents(row["party_median"]), row["currency"])
        return f"amount {_times(row['amount'], row['party_median'])} this {party}'s usual {usual}"
    if feature in AMOUNTS:
        usual = money(_cents(row["org_median"]), row["currency"])
        return f"amount {_times(row['amount'], row['org_median'])} the organization's usual {usual}"
    if feature == "gap_to_usual":
        return f"{row['gap_days']} days after this {party}'s last one, usually {row['usual_gap']:.0f}"
    weekday = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[row["weekday"] - 1]
    return f"made on a {weekday}, as {row['weekday_payments']} of {row['direction_payments']} payments were"


def _times(amount: Decimal, usual: Decimal) -> str:
    ratio = amount / usual
    return f"{ratio:.0f}×" if ratio >= 10 else f"{ratio:.1f}×"


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
            "contributions": {name: f"{value:.3f}" for name, value in zip(FEATURES, share, strict=True)},
        },
        model=MODEL,
        model_version=MODEL_VERSION,
    )


def _way(row: dict[str, Any]) -> str:
    return "from" if row["direction"] == "in" else "to"
