"""Unusual days: a day's cash in or out, sales invoiced or bills entered, per organization and currency, against what
its past leads one to expect.

The series detector judges the square root of the day's total: a sum of ever more payments varies as its root does, so
that busy and quiet seasons are judged alike. Public holidays of the organization's country are judged as Sundays where
they are kept. A day becomes an alert only where its score is high and its total plainly above what was expected.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np

from tieout.ml import lake
from tieout.ml.alerts import HIGH, LOW, MEDIUM, Alert, money
from tieout.ml.history import FLOWS, HISTORY_DAYS
from tieout.ml.money import to_floats, to_money
from tieout.ml.rules import LOOKBACK_DAYS
from tieout.ml.series_detector import Judged, judge

KIND = "unusual_day"
MODEL = "series_detector"
MODEL_VERSION = "2"

# Days with cash that must lie before one, and their share of the year before it. Fewer do not show how much a day
# usually brings: where most bring nothing, a day's total is one payment, and judged as that.
MIN_CASH_DAYS, MIN_CASH_SHARE = 60, 0.5
# 0.8 is twice as far as the edge of the usual, 0.9 three times, 0.94 four times.
THRESHOLD, MEDIUM_SCORE, HIGH_SCORE = 0.8, 0.9, 0.94
# A total that a person would call unusual: so many times what was expected, and so many times the second largest day of
# the year before. The largest may be an anomaly itself, and must not hide the next.
PLAIN_RATIO = 3
PLAIN_RECORD = Decimal("1.5")

# What a total is of: the alert's subject type, and the word for it.
_FLOWS = {
    "inflow": ("cash_day", "received"),
    "outflow": ("cash_day", "paid"),
    "invoiced": ("document_day", "invoiced"),
    "billed": ("document_day", "billed by suppliers"),
}
# Sales and purchases of a day: what was issued, and has not been voided by the day. The largest document of a day is
# told as itself, if it is unusual.
DOCUMENTS = """
select org_id, currency, booked_on,
       sum(invoiced) as invoiced, max(invoiced) as largest_invoiced,
       sum(billed) as billed, max(billed) as largest_billed
from (
    select org_id, currency, invoice_date as booked_on, total_amount as invoiced, cast(0 as decimal(19, 4)) as billed
    from {silver}.stg_app_db__ar_invoices
    where is_deleted = false and (status not in ('draft', 'void') or voided_on > date '{day}')
    union all
    select org_id, currency, bill_date, cast(0 as decimal(19, 4)), total_amount
    from {silver}.stg_app_db__ap_bills
    where is_deleted = false and (status not in ('draft', 'void') or voided_on > date '{day}')
)
where booked_on <= date '{day}' and booked_on > date '{day}' - interval '{history_days}' day
group by org_id, currency, booked_on
"""
COUNTRIES = "select org_id, country from {silver}.stg_app_db__organizations"
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def find(day: date) -> list[Alert]:
    """The unusual days of the last LOOKBACK_DAYS up to ``day``, in Silver."""
    countries = {row["org_id"]: row["country"] for row in lake.rows(COUNTRIES.format(silver=lake.SILVER))}
    return [
        alert
        for totals in (FLOWS, DOCUMENTS)
        for alert in unusual_days(
            lake.rows(totals.format(silver=lake.SILVER, day=day, history_days=HISTORY_DAYS)), day, countries
        )
    ]


def unusual_days(
    rows: Iterable[dict[str, Any]], day: date, countries: Mapping[str, str | None] = MappingProxyType({})
) -> Iterator[Alert]:
    """The alerts of daily totals up to ``day``, given as rows of history.FLOWS or DOCUMENTS in any order.

    countries: each organization's, ISO 3166; one that is not known has no holidays.
    """
    series: dict[tuple[str, str], dict[date, dict[str, Any]]] = {}
    for row in rows:
        series.setdefault((row["org_id"], row["currency"]), {})[row["booked_on"]] = row
    for (org_id, currency), moved in sorted(series.items()):
        off = _holidays(countries.get(org_id), min(moved).year, day.year)
        for flow in _FLOWS:
            totals = {on: row[flow] for on, row in moved.items() if row.get(flow)}
            largest = {on: row.get(f"largest_{flow}", Decimal(0)) for on, row in moved.items()}
            yield from _of_series(org_id, currency, flow, totals, largest, day, off)


def _holidays(country: str | None, first_year: int, last_year: int) -> Collection[date]:
    """The public holidays of ``country``; none for one that is not known."""
    from holidays import country_holidays

    if not country:
        return ()
    try:
        return sorted(country_holidays(country, years=range(first_year, last_year + 1)))
    except NotImplementedError:
        return ()


def _of_series(
    org_id: str,
    currency: str,
    flow: str,
    totals: dict[date, Decimal],
    largest: dict[date, Decimal],
    day: date,
    off: Collection[date],
) -> Iterator[Alert]:
    if len(totals) <= MIN_CASH_DAYS:
        return
    first = min(totals)
    days = [first + timedelta(days=i) for i in range((day - first).days + 1)]
    # A day without cash is a day of nothing, not one that is missing.
    judged = judge(days, np.sqrt(to_floats(totals.get(on, Decimal(0)) for on in days)), off)
    expected = np.maximum(judged.level + judged.season, 0.0) ** 2
    for at in np.flatnonzero(judged.score >= THRESHOLD).tolist():
        on = days[at]
        year = days[max(at - LOOKBACK_DAYS, 0) : at]
        before = sorted(totals[past] for past in year if past in totals)
        if on not in totals or len(before) < max(MIN_CASH_DAYS, MIN_CASH_SHARE * len(year)):
            continue
        total, usual = totals[on], to_money(expected[at], 2, precision=38)
        rest = total - largest[on]
        is_plain = rest >= PLAIN_RATIO * usual and rest >= PLAIN_RECORD * before[-2]
        if is_plain and on > day - timedelta(days=LOOKBACK_DAYS):
            yield _alert(org_id, currency, flow, on, total, usual, judged, at)


def _alert(
    org_id: str, currency: str, flow: str, on: date, total: Decimal, usual: Decimal, judged: Judged, at: int
) -> Alert:
    score = float(judged.score[at])
    subject_type, word = _FLOWS[flow]
    moved = f"{word} {money(total, currency)} on {_WEEKDAYS[on.weekday()]} {on}"
    expected = f"about {money(usual, currency)}" if usual else "nothing"
    return Alert(
        kind=KIND,
        severity=HIGH if score >= HIGH_SCORE else MEDIUM if score >= MEDIUM_SCORE else LOW,
        org_id=org_id,
        subject_type=subject_type,
        subject_id=f"{org_id}/{currency}/{flow}/{on.isoformat()}",
        occurred_on=on,
        amount=total,
        currency=currency,
        score=score,
        reason=f"{moved}, {expected} was to be expected by the season and the days before",
        evidence={
            "flow": flow,
            "expected_amount": usual,
            "contributions": contributions("total_to_level", float(total) ** 0.5, judged, at),
        },
        model=MODEL,
        model_version=MODEL_VERSION,
    )


def contributions(name: str, value: float, judged: Judged, at: int) -> dict[str, str]:
    """What level and season make of how far off a point is, in usual deviations: together they are all of it."""
    shares, spread = {name: value - judged.level[at], "season": -judged.season[at]}, judged.spread[at]
    return {name: f"{share / spread:.3f}" if spread else "unbounded" for name, share in shares.items()}
