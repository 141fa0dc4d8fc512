"""Exchange rates: a spot rate a day, the month's average and closing, for each currency an organization trades in.

A currency's dollar value is its usual one plus waves of noise, a monthly, a weekly and a daily one, each a function
of the day alone. So the rate of any day is known without walking there from the first.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tieout.generate.columns import choice, days, rate
from tieout.generate.draws import Draws
from tieout.generate.ids import uuids
from tieout.generate.moments import DAY, HOUR, first_day, in_hours, month_of
from tieout.generate.organizations import Organizations
from tieout.generate.plan import Plan
from tieout.generate.rows import Rows
from tieout.generate.world import CODES, CURRENCIES, ORGANIZATIONS, USD

ONE = 10_000_000_000
SPOT, AVERAGE, CLOSING = range(3)
_TYPES = ["spot", "average", "closing"]
_PAIRS = [(org, currency) for org, o in enumerate(ORGANIZATIONS) for currency in o.foreign]
# Length of a wave in days and its height in millionths.
_WAVES = ((30, 45_000), (7, 9_000), (1, 2_500))


def dollar_value(seed: int, currency: int, day: np.ndarray) -> np.ndarray:
    """int64[n]: dollars in 1e-10 for one unit of ``currency`` on each day."""
    usual = CURRENCIES[currency].usd
    if currency == USD:
        return np.full(len(day), usual)
    noise = np.zeros(len(day), np.int64)
    for length, height in _WAVES:
        left, step = day // length, day % length
        before, after = (
            Draws(seed, point * len(CURRENCIES) + currency).between(f"fx/{length}", -height, height)
            for point in (left, left + 1)
        )
        noise += before + (after - before) * step // length
    return usual * (1_000_000 + noise) // 1_000_000


def spot(seed: int, from_currency: np.ndarray, to_currency: np.ndarray, day: np.ndarray) -> np.ndarray:
    """int64[n]: units of ``to_currency`` in 1e-10 for one unit of ``from_currency``, rounded half up."""
    out = np.full(len(day), ONE, np.int64)
    for source, target in {*zip(from_currency.tolist(), to_currency.tolist(), strict=True)}:
        if source != target:
            at = np.flatnonzero((from_currency == source) & (to_currency == target))
            out[at] = _cross(seed, source, target, day[at])
    return out


def _cross(seed: int, source: int, target: int, day: np.ndarray) -> np.ndarray:
    unique, position = np.unique(day, return_inverse=True)
    over, under = dollar_value(seed, source, unique).tolist(), dollar_value(seed, target, unique).tolist()
    # Python's integers: the product does not fit 64 bits.
    rates = [(a * ONE * 2 + b) // (b * 2) for a, b in zip(over, under, strict=True)]
    return np.array(rates, np.int64)[position]


def convert(minor: np.ndarray, from_digits: np.ndarray, to_digits: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """int64[n]: amounts in minor units of one currency at ``rates`` (1e-10) in minor units of another, half up."""
    numerator = minor.astype(object) * rates * 10 ** to_digits.astype(object)
    denominator = 10 ** from_digits.astype(object) * ONE
    return ((numerator * 2 + denominator) // (denominator * 2)).astype(np.int64)


def fx_rows(plan: Plan, organizations: Organizations, since_month: int, until: int) -> Rows:
    """The rate book from ``since_month`` (or the company's start) to the end of the month that holds ``until``."""
    first = max(first_day(since_month), plan.start)
    last_month = month_of((until - 1) // DAY)
    span = np.arange(first, first_day(last_month + 1), dtype=np.int64)
    # Month ends are told from the calendar, not from the span, so that every call makes the same rates.
    ends = np.array([first_day(m + 1) - 1 for m in range(month_of(first), last_month + 1)], np.int64)
    columns: dict[str, list[np.ndarray]] = {"pair": [], "type": [], "day": [], "rate": []}
    for pair, (org, currency) in enumerate(_PAIRS):
        base = ORGANIZATIONS[org].base
        daily = _cross(plan.seed, currency, base, span)
        months = [np.arange(first_day(month_of(end)), end + 1, dtype=np.int64) for end in ends.tolist()]
        averages = [_average(_cross(plan.seed, currency, base, month)) for month in months]
        closings = _cross(plan.seed, currency, base, ends)
        for kind, on, values in (
            (SPOT, span, daily),
            (AVERAGE, ends, np.array(averages, np.int64)),
            (CLOSING, ends, closings),
        ):
            columns["pair"].append(np.full(len(on), pair))
            columns["type"].append(np.full(len(on), kind))
            columns["day"].append(on)
            columns["rate"].append(values)
    pair, kind, day, value = (np.concatenate(columns[name]) for name in ("pair", "type", "day", "rate"))
    draws = Draws(plan.seed, (day * len(_PAIRS) + pair) * len(_TYPES) + kind)
    created = np.where(
        kind == SPOT, day * DAY + 6 * HOUR + draws.below("fx/created", HOUR), in_hours(day, draws, "fx/closed")
    )
    org = np.array([org for org, _ in _PAIRS], np.int64)[pair]
    source = np.array([currency for _, currency in _PAIRS], np.int64)[pair]
    target = np.array([o.base for o in ORGANIZATIONS], np.int64)[org]

    def build(at: np.ndarray, moment: int) -> dict[str, pa.Array]:
        return {
            "id": uuids(draws.at(at), "fx_rate", created[at]),
            "org_id": choice(organizations.id, org[at]),
            "from_currency": choice(CODES, source[at]),
            "to_currency": choice(CODES, target[at]),
            "rate_type": choice(_TYPES, kind[at]),
            "rate_date": days(day[at]),
            "rate": rate(value[at]),
        }

    return Rows("fx_rates", build, created)


def _average(values: np.ndarray) -> int:
    return (int(values.sum()) * 2 + len(values)) // (len(values) * 2)
