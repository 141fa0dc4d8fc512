"""Unusual payments, bills and bank bookings: an isolation forest over how each differs from its counterparty's habits.

The forest (Liu, Ting and Zhou, 2008; scikit-learn's, seeded) isolates rare rows in few random cuts. A row becomes an
alert only where its score is high and its amount is plainly out of the ordinary: what no person can follow is not
raised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from tieout.ml.alerts import HIGH, LOW, MEDIUM, Alert, money
from tieout.ml.features import Subject

MODEL = "isolation_forest"
MODEL_VERSION = "2"
SEED = 7
TREES = 200

# Fewer rows than this do not show what is usual.
MIN_ROWS = 200
# A counterparty's own median counts from this many payments on; before, its organization's median stands in.
OWN_HABIT = 10
# Scores of ordinary payments lie around 0.4 to 0.5; the paper calls those well above 0.6 anomalies.
THRESHOLD = 0.65
HIGH_SCORE = 0.75
MEDIUM_SCORE = 0.70
# At most this share of the rows seen, and never fewer than ten: a flood of alerts is read by no one.
MAX_SHARE = 0.002
MIN_ALERTS = 10

# An amount is plainly out of the ordinary from four times the usual on, where that is also three quartile distances
# above it (Tukey's "far out"): for a counterparty whose amounts differ widely, four times the usual is nothing.
PLAIN_RATIO = 4
PLAIN_DISTANCE = 3.0
# Amounts that hardly differ would make any cent a long way: no distance counts for less than this (in logs).
MIN_SPREAD = math.log(1.5)
# Three standard errors of a distance of quartiles, times the root of the number of amounts: one is 1.17 of it for a
# normal deviate.
SPREAD_ERROR = 3 * 1.17
# Gap and weekday add to an amount; alone they are no reason to look at a payment.
PLAIN_GAP = math.log(4)
PLAIN_WEEKDAY = -math.log(0.01)

# How a sentence names the counterparty, and the way to it.
_BUSINESS = {"in": "customer", "out": "supplier"}
_PARTIES = {
    "unusual_payment": _BUSINESS,
    "unusual_bill": _BUSINESS,
    "unusual_bank_transaction": {"in": "payer", "out": "payee"},
}
_MOVED = {"in": "from", "out": "to"}
_WAYS = {"unusual_payment": _MOVED, "unusual_bill": {"out": "billed by"}, "unusual_bank_transaction": _MOVED}

FEATURES = ("amount_to_usual", "amount_to_organization", "gap_to_usual", "weekday_rarity")
AMOUNTS = FEATURES[:2]


def find_unusual(subject: Subject, rows: Sequence[dict[str, Any]]) -> list[Alert]:
    """Alerts among ``rows`` of features.statement(subject), the most unusual first.

    Fewer than MIN_ROWS give none. The same rows give the same alerts, whatever their order.
    """
    if len(rows) < MIN_ROWS:
        return []
    from sklearn.ensemble import IsolationForest

    rows = sorted(rows, key=lambda row: row["subject_id"])
    matrix = feature_matrix(rows)
    forest = IsolationForest(n_estimators=TREES, random_state=SEED).fit(matrix)
    scores = -forest.score_samples(matrix)
    order = np.argsort(-scores, kind="stable")
    told = [
        at
        for at in order[scores[order] >= THRESHOLD].tolist()
        if rows[at]["is_judged"] and _is_plain(rows[at], matrix[at])
    ]
    suspects = np.array(told[: max(MIN_ALERTS, int(len(rows) * MAX_SHARE))], np.intp)
    if not len(suspects):
        return []
    shares = _contributions(forest, matrix, suspects)
    alerts = []
    for index, share in zip(suspects, shares, strict=True):
        plain = _plain(rows[index], matrix[index])
        by_share = [FEATURES[i] for i in np.argsort(-share, kind="stable") if FEATURES[i] in plain]
        # One amount, one sentence: the counterparty's habit says more than the organization's.
        named = [f for f in by_share if f != AMOUNTS[1] or AMOUNTS[0] not in plain]
        reason = "; ".join(_reason(subject, feature, rows[index]) for feature in named)
        alerts.append(_alert(subject, rows[index], float(scores[index]), reason, share))
    return alerts


def feature_matrix(rows: Sequence[dict[str, Any]]) -> np.ndarray:
    """rows x FEATURES as float64. Each is 0 for what is usual."""
    return np.array([_features(row) for row in rows], dtype=np.float64)


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
        -math.log(row["weekday_rows"] / row["direction_rows"]),
    )


def _has_habits(row: dict[str, Any]) -> bool:
    return row["party_rows"] >= OWN_HABIT


def _usual(row: dict[str, Any]) -> tuple[Decimal, float]:
    """(median, spread) that an amount is measured by. Few amounts lie close by chance, so the upper end of what their
    spread may be counts."""
    whose = "party" if _has_habits(row) else "org"
    return row[f"{whose}_median"], row[f"{whose}_spread"] * math.exp(SPREAD_ERROR / math.sqrt(row[f"{whose}_rows"]))


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


def _is_plain(row: dict[str, Any], features: np.ndarray) -> bool:
    """Whether the amount is, by whom it goes to: the other features add to that and are no reason by themselves."""
    return AMOUNTS[0] in _plain(row, features)


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


def _reason(subject: Subject, feature: str, row: dict[str, Any]) -> str:
    party = _PARTIES[subject.kind][row["direction"]]
    if feature == "amount_to_usual" and _has_habits(row):
        usual = money(_cents(row["party_median"]), row["currency"])
        return f"amount {_times(row['amount'], row['party_median'])} this {party}'s usual {usual}"
    if feature in AMOUNTS:
        usual = money(_cents(row["org_median"]), row["currency"])
        return f"amount {_times(row['amount'], row['org_median'])} the organization's usual {usual}"
    if feature == "gap_to_usual":
        return f"{row['gap_days']} days after this {party}'s last one, usually {row['usual_gap']:.0f}"
    weekday = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[row["weekday"] - 1]
    return f"made on a {weekday}, as {row['weekday_rows']} of {row['direction_rows']} were"


def _times(amount: Decimal, usual: Decimal) -> str:
    ratio = amount / usual
    return f"{ratio:.0f}×" if ratio >= 10 else f"{ratio:.1f}×"


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"))


def _alert(subject: Subject, row: dict[str, Any], score: float, reason: str, share: np.ndarray) -> Alert:
    severity = HIGH if score >= HIGH_SCORE else MEDIUM if score >= MEDIUM_SCORE else LOW
    party = row["party"] or "unknown"
    return Alert(
        kind=subject.kind,
        severity=severity,
        org_id=row["org_id"],
        subject_type=subject.subject_type,
        subject_id=row["subject_id"],
        occurred_on=row["occurred_on"],
        amount=row["amount"],
        currency=row["currency"],
        score=score,
        reason=f"{money(row['amount'], row['currency'])} {_WAYS[subject.kind][row['direction']]} {party}: {reason}",
        evidence={
            "direction": row["direction"],
            "party": row["party"],
            "party_rows": row["party_rows"],
            "party_median": row["party_median"],
            "organization_median": row["org_median"],
            "gap_days": row["gap_days"],
            "contributions": {name: f"{value:.3f}" for name, value in zip(FEATURES, share, strict=True)},
        },
        model=MODEL,
        model_version=MODEL_VERSION,
    )
