"""Unusual KPIs: a day on which an organization's DSO, DPO, overdue ratio or payment success rate is plainly worse than
its days before lead one to expect. The series are those of fact_kpi_daily, a point for every day that was run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tieout.ml import lake
from tieout.ml.alerts import HIGH, LOW, MEDIUM, Alert, money
from tieout.ml.money import to_floats, to_money
from tieout.ml.rules import LOOKBACK_DAYS
from tieout.ml.series_detector import Judged, judge
from tieout.ml.unusual_day import HIGH_SCORE, MEDIUM_SCORE, MODEL, THRESHOLD, contributions

KIND = "unusual_kpi"
MODEL_VERSION = "1"
# Days that must lie before one, as for days of cash.
MIN_DAYS = 60
# What a person would call another figure: a quarter off.
PLAIN_CHANGE = Decimal("0.25")

KPIS = """
select org_id, base_currency, as_of_date, dso, dpo, overdue_ratio, payment_success_rate,
       total_ar_amount, total_ap_amount, overdue_ar_amount, collected_amount
from {gold}.fact_kpi_daily
where as_of_date <= date '{day}' and as_of_date > date '{day}' - interval '{days}' day
order by org_id, as_of_date
"""


@dataclass(frozen=True)
class _Kpi:
    """worse: 1 where more is worse, -1 where less is. amount: the column of what is at stake."""

    name: str
    worse: int
    amount: str
    unit: str
    factor: int = 1


_KPIS = {
    "dso": _Kpi("days sales outstanding", 1, "total_ar_amount", " days"),
    "dpo": _Kpi("days payables outstanding", 1, "total_ap_amount", " days"),
    "overdue_ratio": _Kpi("the overdue share of receivables", 1, "overdue_ar_amount", " %", 100),
    "payment_success_rate": _Kpi("the share of payments that succeed", -1, "collected_amount", " %", 100),
}


def find(day: date) -> list[Alert]:
    """The unusual KPIs of the last LOOKBACK_DAYS up to ``day``, in the Gold candidate."""
    return list(unusual_kpis(lake.rows(KPIS.format(gold=lake.GOLD, day=day, days=2 * LOOKBACK_DAYS)), day))


def unusual_kpis(rows: Iterable[dict[str, Any]], day: date) -> Iterator[Alert]:
    """The alerts of rows of fact_kpi_daily up to ``day``, in any order; a KPI that is NULL is a day without a point."""
    organizations: dict[str, dict[date, dict[str, Any]]] = {}
    for row in rows:
        organizations.setdefault(row["org_id"], {})[row["as_of_date"]] = row
    for _, by_day in sorted(organizations.items()):
        for kpi in _KPIS:
            points = [(on, row) for on, row in sorted(by_day.items()) if row[kpi] is not None]
            yield from _of_series(kpi, points, day)


def _of_series(kpi: str, points: list[tuple[date, dict[str, Any]]], day: date) -> Iterator[Alert]:
    if len(points) <= MIN_DAYS:
        return
    judged = judge([on for on, _ in points], to_floats(row[kpi] for _, row in points))
    expected = judged.level + judged.season
    for at, (on, row) in enumerate(points):
        if at < MIN_DAYS or judged.score[at] < THRESHOLD or on <= day - timedelta(days=LOOKBACK_DAYS):
            continue
        usual = to_money(max(expected[at], 0.0), 4, precision=38)
        change = (row[kpi] - usual) * _KPIS[kpi].worse
        amount = row[_KPIS[kpi].amount]
        if change > 0 and change >= PLAIN_CHANGE * usual and amount is not None:
            yield _alert(kpi, on, row, amount, usual, judged, at)


def _alert(kpi: str, on: date, row: dict[str, Any], amount: Decimal, usual: Decimal, judged: Judged, at: int) -> Alert:
    of, score = _KPIS[kpi], float(judged.score[at])
    value, expected = (f"{number * of.factor:.1f}{of.unit}" for number in (row[kpi], usual))
    return Alert(
        kind=KIND,
        severity=HIGH if score >= HIGH_SCORE else MEDIUM if score >= MEDIUM_SCORE else LOW,
        org_id=row["org_id"],
        subject_type="kpi_day",
        subject_id=f"{row['org_id']}/{kpi}/{on.isoformat()}",
        occurred_on=on,
        amount=amount,
        currency=row["base_currency"],
        score=score,
        reason=f"{of.name} came to {value} on {on}, where the days before lead one to expect {expected}; "
        f"{money(amount, row['base_currency'])} is at stake",
        evidence={
            "kpi": kpi,
            "value": row[kpi],
            "expected_value": usual,
            "contributions": contributions("value_to_level", float(row[kpi]), judged, at),
        },
        model=MODEL,
        model_version=MODEL_VERSION,
    )
