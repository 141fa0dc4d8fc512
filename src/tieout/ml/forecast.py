"""The task ``forecast``: cash in and out, 90 days ahead, per organization and currency.

Per flow, the models compete in a backtest on the flow's own past; the best forecasts it. A flow too young for a
backtest gets the mean of its weekdays and says so. What a model returns becomes Decimal once, when the rows are made.
A series that fails leaves one row that says why and does not stop the rest.
"""

from __future__ import annotations

import logging
import os
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from tieout.batch import Batch
from tieout.errors import TieoutError
from tieout.ml.backtest import Failure, Plan, Score, backtest, ranked
from tieout.ml.cash import CANDIDATES, FALLBACK, plan_of
from tieout.ml.history import CashSeries, load_series
from tieout.ml.intervals import WEEK, Past, coverage, cumulative_bounds, daily_bounds
from tieout.ml.live_accuracy import score_past_forecasts
from tieout.ml.models import History, Model, expect
from tieout.ml.money import to_money
from tieout.ml.tables import ACCURACY, FORECAST, LEVELS, LIVE_ACCURACY, ensure_ml_tables, replace_day
from tieout.ml.threads import one_thread

log = logging.getLogger(__name__)

HORIZON_DAYS = 90
MODEL_VERSION = "4"
FLOWS = ("inflow", "outflow")
# Prophet alone makes a process of some 200 MiB: two are what a small machine bears beside the rest of a run.
MAX_PROCESSES = 2
# A process of its own pays from so many series on: before, starting it and importing Prophet costs what it saves.
SERIES_PER_PROCESS = 8


class ForecastError(TieoutError):
    """A series cannot be forecast; its row carries this message."""


@dataclass(frozen=True)
class SeriesOutcome:
    """What became of one series: status is forecast or failed, seconds is its wall time."""

    org_id: str
    currency: str
    status: str
    rows: int
    seconds: Decimal
    reason: str


# A series' outcome, its rows of FORECAST and its rows of ACCURACY.
Result = tuple[SeriesOutcome, list[dict[str, Any]], list[dict[str, Any]]]


@dataclass(frozen=True)
class Flow:
    """One flow's forecast: expected values of the days ahead, the past its intervals rest on, and every score."""

    model: Model
    expected: np.ndarray
    past: Past
    reason: str
    plan: Plan
    scores: tuple[Score | Failure, ...]


def run_forecast(batch: Batch) -> list[SeriesOutcome]:
    """Forecast every series as of the batch day, replace that day's rows, and score past forecasts by what came since.

    Returns one outcome per series. Raises only for what touches the lake; a series' own failure is an outcome.
    """
    ensure_ml_tables(tables=(FORECAST, ACCURACY, LIVE_ACCURACY))
    outcomes, forecasts, accuracy = [], [], []
    for outcome, rows, scores in forecast_all(load_series(batch.day)):
        outcomes.append(outcome)
        forecasts += rows
        accuracy += scores
    replace_day(ACCURACY, batch.day, accuracy)
    replace_day(FORECAST, batch.day, forecasts)
    score_past_forecasts(batch.day)
    return outcomes


def forecast_all(every: Sequence[CashSeries]) -> Iterator[Result]:
    """The result of each series, in order, each logged as it comes.

    Many series are shared out over up to MAX_PROCESSES processes; a series' rows do not depend on who made them.
    """
    processes = min(MAX_PROCESSES, os.cpu_count() or 1, len(every) // SERIES_PER_PROCESS)
    if processes < 2:
        yield from _logged(map(_timed, every), len(every))
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from _logged(pool.map(_timed, every), len(every))


def _timed(series: CashSeries) -> Result:
    started = time.monotonic()
    rows, scores, status, reason = forecast_rows(series)
    seconds = Decimal(time.monotonic() - started).quantize(Decimal("0.001"))
    return SeriesOutcome(series.org_id, series.currency, status, len(rows), seconds, reason), rows, scores


def _logged(results: Iterator[Result], total: int) -> Iterator[Result]:
    for number, result in enumerate(results, start=1):
        of = result[0]
        log.info(
            "forecast %d of %d: %s/%s %s in %s s: %s",
            *(number, total, of.org_id, of.currency, of.status, of.seconds, of.reason),
        )
        yield result


def forecast_rows(
    series: CashSeries, candidates: tuple[Model, ...] = CANDIDATES
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str, str]:
    """(rows of FORECAST, rows of ACCURACY, status, reason) of one series."""
    try:
        if series.minor_unit is None:
            raise ForecastError(
                f"currency {series.currency} is not in app_db.currencies, so its minor unit is unknown: add it there"
            )
        with one_thread():
            flows = {name: forecast_flow(series.history(name), candidates) for name in FLOWS}
        rows, scores = list(_days(series, flows)), list(_scores(series, flows))
    except Exception as error:  # one series must not stop the rest, whatever its trouble
        log.exception("series %s failed", series.name)
        reason = str(error) if isinstance(error, TieoutError) else f"{type(error).__name__}: {error}"
        return [_failed(series, reason)], [], "failed", reason
    return rows, scores, "forecast", rows[0]["reason"]


def forecast_flow(history: History, candidates: tuple[Model, ...] = CANDIDATES) -> Flow:
    """Forecast one flow from its daily history (0 where no cash moved) by the model that its backtest prefers."""
    plan = plan_of(len(history))
    if not history.values.any():
        reason = "no cash moved in the history, so none is expected"
        return Flow(FALLBACK, np.zeros(HORIZON_DAYS), Past(np.zeros((1, WEEK)), np.zeros((1, WEEK))), reason, plan, ())
    if not plan:
        reason = f"{len(history)} days of history are too few for a backtest: the mean of past weekdays stands in"
        expected = expect(FALLBACK, history, HORIZON_DAYS)
        return Flow(FALLBACK, expected, _unbacked(history.values), reason, plan, ())
    scores = tuple(backtest(model, history, plan) for model in candidates)
    while best_first := ranked(scores):
        best = best_first[0]
        try:
            expected = expect(best.model, history, HORIZON_DAYS)
        except Exception as error:  # as in the backtest: the next best model takes over
            log.warning("%s failed on the whole history, the next best is taken: %s", best.model.name, error)
            failure = Failure(best.model, f"on the whole history: {type(error).__name__}: {error}")
            scores = tuple(failure if score is best else score for score in scores)
            continue
        return Flow(best.model, expected, best.past, _why(best, plan, best_first), plan, scores)
    raise ForecastError("; ".join(f"{s.model.name}: {s.reason}" for s in scores if isinstance(s, Failure)))


def _why(best: Score, plan: Plan, best_first: list[Score]) -> str:
    tests = f"{len(plan.cuts)} backtest(s) of {plan.horizon} days"
    if best.path_wape is None:
        return f"no cash moved in {tests}: the model that expected the least is taken, of equals the simplest"
    rest = ", ".join(f"{s.model.name} {s.path_wape:.0%}" for s in best_first if s is not best)
    return f"its running total was off least in {tests}: {best.path_wape:.0%}" + (f" ({rest})" if rest else "")


def _unbacked(values: np.ndarray) -> Past:
    """Deviations from the mean in whole weeks, as one origin: all that a history without a backtest can say."""
    weeks = -(-len(values) // WEEK)
    repeated = np.resize(values, weeks * WEEK).reshape(1, -1)
    mean = np.full_like(repeated, values.mean())
    return Past(mean, repeated - mean)


def _days(series: CashSeries, flows: dict[str, Flow]) -> Iterator[dict[str, Any]]:
    """One row per day ahead. From here on amounts are Decimal; bounds always hold what they bound."""
    inflow, outflow = flows["inflow"], flows["outflow"]
    net_expected = inflow.expected - outflow.expected
    net_past = inflow.past.minus(outflow.past)
    seed = zlib.crc32(series.name.encode())  # of its own, so that no other series changes this one's numbers
    ahead = {
        name: {level: daily_bounds(flow.expected, flow.past, level, floor=0.0) for level in LEVELS}
        for name, flow in flows.items()
    }
    ahead["net"] = {level: daily_bounds(net_expected, net_past, level) for level in LEVELS}
    drift = cumulative_bounds(net_past.errors, LEVELS, HORIZON_DAYS, seed)
    reason = f"inflow: {inflow.model.name}, {inflow.reason}; outflow: {outflow.model.name}, {outflow.reason}"
    balance, level_unit = series.balance, series.minor_unit
    for i in range(HORIZON_DAYS):
        amount = {name: to_money(flow.expected[i], level_unit) for name, flow in flows.items()}
        amount["net"] = amount["inflow"] - amount["outflow"]
        balance += amount["net"]
        row = {
            "run_date": series.last_day,
            "org_id": series.org_id,
            "currency": series.currency,
            "forecast_date": series.last_day + timedelta(days=i + 1),
            "horizon_days": i + 1,
            "status": "forecast",
            "closing_balance": balance,
            "inflow_model": inflow.model.name,
            "outflow_model": outflow.model.name,
            "history_days": series.days,
            "reason": reason,
            "model_version": MODEL_VERSION,
        }
        for name, value in amount.items():
            row[f"{name}_amount"] = value
            for level in LEVELS:
                low, high = (to_money(bound[i], level_unit) for bound in ahead[name][level])
                row[f"{name}_lower_{level}"] = min(low, value)
                row[f"{name}_upper_{level}"] = max(high, value)
        for level in LEVELS:
            low, high = (to_money(bound[i], level_unit, precision=38) for bound in drift[level])
            row[f"closing_balance_lower_{level}"] = balance + low
            row[f"closing_balance_upper_{level}"] = balance + high
        yield row


def _failed(series: CashSeries, reason: str) -> dict[str, Any]:
    row = dict.fromkeys(column.name for column in FORECAST.columns)
    return row | {
        "run_date": series.last_day,
        "org_id": series.org_id,
        "currency": series.currency,
        "forecast_date": series.last_day,
        "horizon_days": 0,
        "status": "failed",
        "history_days": series.days,
        "reason": reason,
        "model_version": MODEL_VERSION,
    }


def _scores(series: CashSeries, flows: dict[str, Flow]) -> Iterator[dict[str, Any]]:
    for name, flow in flows.items():
        least = min((score.path_error for score in flow.scores if isinstance(score, Score)), default=None)
        for score in flow.scores:
            chosen = score.model is flow.model
            row = {
                "run_date": series.last_day,
                "org_id": series.org_id,
                "currency": series.currency,
                "flow": name,
                "model": score.model.name,
                "is_chosen": chosen,
                "origins": len(flow.plan.cuts),
                "horizon_days": flow.plan.horizon,
                "first_origin": series.first_day + timedelta(days=flow.plan.cuts[0] - 1),
                "last_origin": series.first_day + timedelta(days=flow.plan.cuts[-1] - 1),
                "model_version": MODEL_VERSION,
            }
            if isinstance(score, Failure):
                row |= dict.fromkeys(("wape_path", "wape_daily", "wape_weekly", "mase", "coverage_80", "coverage_95"))
                row |= {"status": "failed", "reason": score.reason}
            else:
                less = "less" if score.path_error > least else "as little and is simpler"
                row |= {
                    "status": "scored",
                    "wape_path": score.path_wape,
                    "wape_daily": score.wape,
                    "wape_weekly": score.block_wape,
                    "mase": score.mase,
                    **{f"coverage_{level}": coverage(score.past, level) for level in LEVELS},
                    "reason": flow.reason if chosen else f"{flow.model.name} was off by {less}",
                }
            yield row
