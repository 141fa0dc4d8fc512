"""The forecast's models on real series, beside published scores and the naive ones.

python -m benchmarks.forecast [folder of the data, ../shared/data unless given]. Models and their combination were
chosen on the train parts (see docs/DECISIONS.md); what this file reads of the test parts it only scores.
"""

from __future__ import annotations

import csv
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from tieout.ml.autoregression import Autoregression
from tieout.ml.backtest import Plan, Score, backtest
from tieout.ml.combination import Median
from tieout.ml.models import History, Model, Naive, SeasonalMean, SeasonalNaive, expect
from tieout.ml.seasonality import Deseasonalized
from tieout.ml.smoothing import DampedTrend, Ses, Theta

WEEKS_A_YEAR = 365.25 / 7
M4_HORIZON = 13
WEEKLY = Median(
    (
        Autoregression("changes", differenced=True),
        Autoregression("levels", differenced=False),
        Deseasonalized(Autoregression("", differenced=True), "deseasonalized_changes"),
        Deseasonalized(Autoregression("", differenced=False), "deseasonalized_levels"),
        Deseasonalized(DampedTrend(), "deseasonalized_damped_trend"),
    )
)
MONTHLY: tuple[Model, ...] = (
    SeasonalNaive(),
    SeasonalMean(seasons=3),
    Deseasonalized(Ses(), "ses"),
    Deseasonalized(DampedTrend(), "damped_trend"),
    Deseasonalized(Theta(), "theta"),
    Autoregression("autoregression", differenced=False),
)
REPORTS = {"receipts": ("revenue", "Total Cash Receipts"), "disbursements": ("spending", "Total Disbursements")}


def main(folder: Path) -> None:
    m4(folder / "m4_weekly")
    qcmr(folder / "philadelphia_budget" / "qcmr")


def m4(folder: Path) -> None:
    """sMAPE and MASE of all 359 weekly series of the M4 competition, 13 weeks ahead."""
    train, test = read_rows(folder / "Weekly-train.csv"), read_rows(folder / "Weekly-test.csv")
    print(f"M4 weekly, {len(train)} series, {M4_HORIZON} ahead" + " " * 26 + "sMAPE    MASE   seconds")
    for model in (Naive(), WEEKLY):
        started = time.monotonic()
        ahead = [expect(model, History(values, WEEKS_A_YEAR), M4_HORIZON) for values in train]
        seconds = time.monotonic() - started
        smape = np.mean([200 * np.abs(y - f) / (np.abs(y) + np.abs(f)) for y, f in zip(test, ahead, strict=True)])
        # The competition scales weekly series by their one-step naive error.
        mase = np.mean(
            [np.abs(y - f).mean() / np.abs(np.diff(x)).mean() for x, y, f in zip(train, test, ahead, strict=True)]
        )
        print(f"  {model.name:<56}{smape:>8.3f}{mase:>8.3f}{seconds:>10.1f}")
    for row in csv.DictReader((folder / "published_scores.csv").open()):
        print(f"  {row['method'] + ' (published)':<56}{row['weekly_smape']:>8}{row['weekly_mase']:>8}")


def read_rows(path: Path) -> list[np.ndarray]:
    with path.open() as file:
        lines = csv.reader(file)
        next(lines)
        return [np.array([float(cell) for cell in line[1:] if cell]) for line in lines]


def qcmr(folder: Path) -> None:
    """WAPE of a city's monthly cash, months 4 to 12 of each year as seen from its first-quarter report."""
    print("\nPhiladelphia, months 4-12 from each first-quarter report" + " " * 10 + "WAPE %, beside the city's own")
    for title, (file, category) in REPORTS.items():
        reports = read_reports(folder / f"cash-reports-{file}.csv", category)
        errors: dict[str, list[float]] = defaultdict(list)
        actuals: list[float] = []
        known: list[float] = []
        for year in sorted({year for year, _ in reports}):
            first, last = reports[year, 1], reports[year, 4]
            if known:
                history = History(np.array([*known, *first[:3]]), period=12)
                actual = np.array(last[3:])
                actuals += list(actual)
                for name, ahead in (
                    ("the city", np.array(first[3:])),
                    ("seasonal naive", SeasonalNaive().predict(history, 9)),
                    ("seasonal mean", SeasonalMean(seasons=3).predict(history, 9)),
                    ("chosen by backtest", chosen(history)),
                    ("median of models", median(history)),
                ):
                    errors[name] += list(np.abs(actual - ahead))
            known += last
        for name, found in errors.items():
            print(f"  {title + ': ' + name:<62}{100 * sum(found) / sum(actuals):>6.1f}")


def chosen(history: History) -> np.ndarray:
    """The forecast of the model that did best from the same month of past years; last year's where there is none."""
    cuts = tuple(len(history) - 12 * back for back in range(5, 0, -1) if len(history) - 12 * back >= 15)
    if not cuts:
        return SeasonalNaive().predict(history, 9)
    scores = [backtest(model, history, Plan(cuts, horizon=9)) for model in MONTHLY]
    best = min((s for s in scores if isinstance(s, Score)), key=lambda score: score.wape)
    return expect(best.model, history, 9)


def median(history: History) -> np.ndarray:
    return expect(Median(MONTHLY), history, 9)


def read_reports(path: Path, category: str) -> dict[tuple[int, int], list[float]]:
    """{(fiscal year, quarter of the report): its twelve months, in millions}."""
    found: dict[tuple[int, int], dict[int, float]] = defaultdict(dict)
    with path.open() as file:
        for row in csv.DictReader(file):
            if row["category"] == category:
                month = int(row["fiscal_month"])
                found[int(row["fiscal_year"]), int(row["quarter"])][month] = float(row["amount"])
    return {report: [months[month] for month in range(1, 13)] for report, months in found.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data"))
