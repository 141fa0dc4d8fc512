"""The forecast's models on real series, beside published scores, a city's own forecast and the naive ones.

python -m benchmarks.forecast [--data folder of the data] [--plots folder for the plots]. It also draws the plots of
docs/forecast.md. Models, their combinations and the intervals are chosen on train parts of the M4 series, which
--choose does again (_forecast_choice.py), reading nothing else; which members of a combination speak is decided anew at
each forecast, from what was known then. What this file reads of later parts it only scores.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from benchmarks import _report
from benchmarks._forecast_choice import choose
from benchmarks._forecast_plots import draw_backtest, draw_forecast

from tieout.ml.backtest import Plan, Score, backtest
from tieout.ml.conformal import bounds
from tieout.ml.intervals import Past
from tieout.ml.models import History, Naive, SeasonalNaive, expect
from tieout.ml.regular import MONTHLY, MONTHS_A_YEAR, WEEKLY, WEEKS_A_YEAR
from tieout.ml.tables import LEVELS
from tieout.ml.threads import one_thread
from tieout.settings import PROJECT_ROOT

M4_HORIZON = 13
M4_SMAPE_TARGET = 8.0
# An interval of 80 or 95 % is near enough within so many points.
COVERAGE_POINTS = 5
M4_ORIGINS = 4
KNOWN_MONTHS = 3
# Fewer earlier forecasts leave nothing to measure an interval by.
ENOUGH_FORECASTS = 2
FLOWS = {"receipts": ("revenue", "Total Cash Receipts"), "disbursements": ("spending", "Total Disbursements")}
# The years before and since the pandemic moved tax dates: shown apart, since no model could know.
PERIODS = {"all years": range(2008, 2024), "2008-2019": range(2008, 2020), "2020-2023": range(2020, 2024)}


@dataclass
class City:
    """One flow of the city: per fiscal year, in millions of USD, months 4 to 12 as they were and as forecast."""

    name: str
    actual: dict[int, np.ndarray] = field(default_factory=dict)
    forecasts: dict[str, dict[int, np.ndarray]] = field(default_factory=lambda: defaultdict(dict))
    intervals: dict[int, dict[int, tuple[np.ndarray, np.ndarray]]] = field(default_factory=lambda: defaultdict(dict))
    known: dict[int, np.ndarray] = field(default_factory=dict)

    def wape(self, model: str, years: Iterable[int]) -> float:
        """Sum of absolute errors over sum of actuals, in %."""
        years = [year for year in years if year in self.actual]
        errors = sum(np.abs(self.actual[year] - self.forecasts[model][year]).sum() for year in years)
        return 100 * errors / sum(self.actual[year].sum() for year in years)


def main(data: Path, plots: Path, choosing: bool) -> None:
    if not data.exists():
        print(f"skipped: there is no {data}; name the folder of the data with --data", file=sys.stderr)
        return
    if choosing:
        choose(read_rows(data / "m4_weekly" / "Weekly-train.csv"))
        return
    with one_thread():
        figures = m4(data / "m4_weekly")
        flows = [city(data / "philadelphia_budget" / "qcmr", name) for name in FLOWS]
    print_city(flows)
    _report.record("forecast", "Forecasts of 359 weekly series and of a city's cash", figures + city_figures(flows))
    plots.mkdir(parents=True, exist_ok=True)
    draw_forecast(flows, plots / "forecast.png")
    draw_backtest(flows, plots / "forecast-backtest.png")


def m4(folder: Path) -> list[_report.Figure]:
    """sMAPE and MASE of all weekly series of the M4 competition, 13 weeks ahead, and the coverage of the intervals."""
    figures = []
    train, test = read_rows(folder / "Weekly-train.csv"), read_rows(folder / "Weekly-test.csv")
    print(f"{f'M4 weekly, {len(train)} series, {M4_HORIZON} weeks ahead':<56}{'sMAPE':>8}{'MASE':>8}{'seconds':>10}")
    for model in (WEEKLY, Naive()):
        started = time.monotonic()
        ahead = [expect(model, History(values, WEEKS_A_YEAR), M4_HORIZON) for values in train]
        seconds = time.monotonic() - started
        label = "Tieout, " + model.name if model is WEEKLY else model.name
        print(f"  {label:<54}{smape(test, ahead):>8.3f}{mase(train, test, ahead):>8.3f}{seconds:>10.1f}")
        if model is WEEKLY:
            ours, error = ahead, smape(test, ahead)
            figures.append(
                _report.Figure("M4 weekly, sMAPE", error, "%", f"≤ {M4_SMAPE_TARGET}", error <= M4_SMAPE_TARGET)
            )
            figures.append(_report.Figure("M4 weekly, MASE", mase(train, test, ahead), "", None, None))
    for row in csv.DictReader((folder / "published_scores.csv").open()):
        print(f"  {row['method'] + ', published':<54}{row['weekly_smape']:>8}{row['weekly_mase']:>8}")
    pasts = [past_of(values) for values in train]
    for level in LEVELS:
        inside = [within(bounds(f, past, level), y) for f, past, y in zip(ours, pasts, test, strict=True)]
        share = 100 * float(np.mean(inside))
        print(f"  weeks within the {level} % interval{share:>29.1f} %")
        figures.append(covered(f"M4 weekly, weeks within the {level} % interval", share, level))
    return figures


def covered(what: str, share: float, level: int) -> _report.Figure:
    """The share, in %, that lay within an interval of ``level`` %, and whether it is near enough."""
    low, high = level - COVERAGE_POINTS, min(level + COVERAGE_POINTS, 100)
    return _report.Figure(what, share, "%", f"{low} to {high}", low <= share <= high)


def past_of(values: np.ndarray) -> Past:
    """The weekly model's backtest from up to four origins, 13 weeks apart, before the series' end."""
    cuts = [len(values) - M4_HORIZON * back for back in range(M4_ORIGINS, 0, -1)]
    score = backtest(WEEKLY, History(values, WEEKS_A_YEAR), Plan(tuple(cuts), M4_HORIZON))
    assert isinstance(score, Score), score.reason
    return score.past


def smape(test: list[np.ndarray], ahead: list[np.ndarray]) -> float:
    return float(np.mean([200 * np.abs(y - f) / (np.abs(y) + np.abs(f)) for y, f in zip(test, ahead, strict=True)]))


def mase(train: list[np.ndarray], test: list[np.ndarray], ahead: list[np.ndarray]) -> float:
    """Scaled, as in the competition, by the one-step naive error of the train part."""
    return float(
        np.mean([np.abs(y - f).mean() / np.abs(np.diff(x)).mean() for x, y, f in zip(train, test, ahead, strict=True)])
    )


def within(interval: tuple[np.ndarray, np.ndarray], actual: np.ndarray) -> np.ndarray:
    return (interval[0] <= actual) & (actual <= interval[1])


def read_rows(path: Path) -> list[np.ndarray]:
    with path.open() as file:
        lines = csv.reader(file)
        next(lines)
        return [np.array([float(cell) for cell in line[1:] if cell]) for line in lines]


def city(folder: Path, name: str) -> City:
    """Forecast months 4 to 12 of every fiscal year but the first from its first-quarter report and all years before.

    An interval rests on the forecasts that were made in earlier years in the same way.
    """
    file, category = FLOWS[name]
    reports = read_reports(folder / f"cash-reports-{file}.csv", category)
    flow, known, made, errors = City(name), [], [], []
    for year in sorted({year for year, _ in reports}):
        first, last = reports[year, 1], reports[year, 4]
        if known:
            history = History(np.array([*known, *first[:KNOWN_MONTHS]]), MONTHS_A_YEAR)
            horizon = MONTHS_A_YEAR - KNOWN_MONTHS
            ours, actual = expect(MONTHLY, history, horizon), np.array(last[KNOWN_MONTHS:])
            flow.known[year], flow.actual[year] = history.values, actual
            flow.forecasts["Tieout"][year] = ours
            flow.forecasts["the city itself"][year] = np.array(first[KNOWN_MONTHS:])
            flow.forecasts["seasonal naive"][year] = SeasonalNaive().predict(history, horizon)
            if len(made) >= ENOUGH_FORECASTS:
                past = Past(np.array(made), np.array(errors))
                flow.intervals[year] = {level: bounds(ours, past, level) for level in LEVELS}
            made.append(ours)
            errors.append(actual - ours)
        known += last
    return flow


def read_reports(path: Path, category: str) -> dict[tuple[int, int], list[float]]:
    """{(fiscal year, quarter of the report): its twelve months, in millions}."""
    found: dict[tuple[int, int], dict[int, float]] = defaultdict(dict)
    with path.open() as file:
        for row in csv.DictReader(file):
            if row["category"] == category:
                month = int(row["fiscal_month"])
                found[int(row["fiscal_year"]), int(row["quarter"])][month] = float(row["amount"])
    return {report: [months[month] for month in range(1, 13)] for report, months in found.items()}


def print_city(flows: list[City]) -> None:
    print(f"\n{'Philadelphia, months 4-12 from each first-quarter report':<62}" + "".join(f"{p:>12}" for p in PERIODS))
    for flow in flows:
        for model in flow.forecasts:
            scores = "".join(f"{flow.wape(model, years):>10.1f} %" for years in PERIODS.values())
            print(f"  {flow.name + ', WAPE of ' + model:<60}{scores}")
        for level in LEVELS:
            shares = (coverage(flow, level, years) for years in PERIODS.values())
            print(
                f"  {f'{flow.name}, months within the {level} % interval':<60}"
                + "".join(f"{s:>10.1f} %" for s in shares)
            )
        booked = sum(flow.forecasts["the city itself"][year][0] == months[0] for year, months in flow.actual.items())
        print(f"  {flow.name}: the city's month 4 is what was booked in {booked} of {len(flow.actual)} reports")
    for level in LEVELS:
        shares = (np.mean([coverage(flow, level, years) for flow in flows]) for years in PERIODS.values())
        print(f"  {f'both flows, months within the {level} % interval':<60}" + "".join(f"{s:>10.1f} %" for s in shares))


def city_figures(flows: list[City]) -> list[_report.Figure]:
    figures = []
    years = PERIODS["all years"]
    for flow in flows:
        ours, naive = flow.wape("Tieout", years), flow.wape("seasonal naive", years)
        what = f"a city's {flow.name}, WAPE"
        figures.append(_report.Figure(what, ours, "%", f"< {naive:.1f} (seasonal naive)", ours < naive))
        for level in LEVELS:
            figures.append(
                covered(
                    f"a city's {flow.name}, months within the {level} % interval", coverage(flow, level, years), level
                )
            )
    for level in LEVELS:
        share = float(np.mean([coverage(flow, level, years) for flow in flows]))
        figures.append(covered(f"a city's cash of both directions, months within the {level} % interval", share, level))
    return figures


def coverage(flow: City, level: int, years: Iterable[int]) -> float:
    inside = [within(flow.intervals[year][level], flow.actual[year]) for year in years if year in flow.intervals]
    return 100 * float(np.mean(inside))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--plots", type=Path, default=PROJECT_ROOT / "docs" / "images")
    parser.add_argument("--choose", action="store_true", help="compare settings on train parts alone, and end")
    arguments = parser.parse_args()
    main(arguments.data, arguments.plots, arguments.choose)
