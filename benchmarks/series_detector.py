"""The series detector beside a plain z-score, on series made from five seeds with anomalies of four kinds put in.

python -m benchmarks.series_detector. A series is three years of daily cash: a weekly rhythm, month ends, a drift, noise
with a long tail, days that are missing. Precision and recall are of all five seeds together; false alarms are counted
on the same series without anything put in.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import numpy as np
from benchmarks import _report

from tieout.ml.series_detector import anomaly_scores

SEEDS, SERIES, LENGTH = range(5), 20, 1096
DAYS = np.datetime64("2023-01-01") + np.arange(LENGTH)
WEEKDAY = (DAYS.astype(int) + 3) % 7
MONTH_END = np.is_busday(DAYS) & (
    np.busday_count(DAYS, (DAYS.astype("datetime64[M]") + 1).astype("datetime64[D]")) == 1
)
# What a detector of either sort has to have seen of a series.
LEARNT = 120
# A shift may be told within so many days; each of them is then a true alarm.
SHIFT_DAYS = 4
KINDS = ("spike", "weekend", "dropout", "shift")
Z_WINDOW = 28
# The run of a day judges about so many points.
POINTS = 20_000
MOST_SECONDS = 10


def main() -> None:
    made = [series(np.random.default_rng([seed, number])) for seed in SEEDS for number in range(SERIES)]
    print(
        f"{len(made)} series of {LENGTH} days      precision  recall  " + "  ".join(f"{kind:>7}" for kind in KINDS),
        end="",
    )
    print("  alerts per 10,000 clean days   seconds")
    detectors: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "z-score over 3": lambda values: z_scores(values) > 3,
        "series detector": lambda values: anomaly_scores(DAYS, values) >= 0.8,
    }
    precisions, recalls, floods = [], [], []
    for name, alarms_of in detectors.items():
        started = time.monotonic()
        true, false, clean = 0, 0, 0
        found, put_in = Counter[str](), Counter[str]()
        for ordinary, values, truth in made:
            alarms = [at for at in np.flatnonzero(alarms_of(values)).tolist() if at >= LEARNT]
            meant = {
                day: at for at, kind in truth.items() for day in range(at, at + (SHIFT_DAYS if kind == "shift" else 1))
            }
            true += sum(at in meant for at in alarms)
            false += sum(at not in meant for at in alarms)
            put_in.update(truth.values())
            found.update(truth[at] for at in {meant[at] for at in alarms if at in meant})
            clean += int(np.count_nonzero(alarms_of(ordinary)[LEARNT:]))
        seconds = time.monotonic() - started
        days = len(made) * (LENGTH - LEARNT)
        precisions.append(true / (true + false))
        recalls.append(found.total() / put_in.total())
        floods.append(10_000 * clean / days)
        print(f"{name:28} {precisions[-1]:10.2f} {recalls[-1]:7.2f}", end="  ")
        print("  ".join(f"{found[kind] / put_in[kind]:7.2f}" for kind in KINDS), end="")
        print(f"{floods[-1]:31.1f} {seconds:9.1f}")
    taken = seconds * POINTS / (2 * len(made) * LENGTH)
    print(f"{POINTS:,} points take the series detector {taken:.1f} s")
    (z_precision, precision), (z_recall, recall), (z_flood, flood) = precisions, recalls, floods
    beside = "(z-score)"
    _report.record(
        "series_detector",
        "Anomalies put into made-up daily cash",
        [
            _report.Figure("precision", precision, "", f"> {z_precision:.2f} {beside}", precision > z_precision),
            _report.Figure("recall", recall, "", f"> {z_recall:.2f} {beside}", recall > z_recall),
            _report.Figure("alerts per 10,000 clean days", flood, "", f"< {z_flood:.1f} {beside}", flood < z_flood),
            _report.Figure(f"{POINTS:,} points", taken, "s", f"≤ {MOST_SECONDS} s", taken <= MOST_SECONDS),
        ],
    )


def series(chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """(ordinary values, the same with anomalies, the anomalies' kind by day)."""
    week = np.r_[chance.uniform(70, 130, 5), chance.uniform(0, 10, 2)]
    drift = np.linspace(1, chance.uniform(0.7, 1.6), LENGTH)
    level = 1000 * drift * (week[WEEKDAY] / 100 + np.where(MONTH_END, chance.uniform(1, 3), 0))
    noise = 120 * drift * chance.standard_t(5, LENGTH) * np.where(WEEKDAY < 5, 1, 0.2)
    ordinary = level + noise
    ordinary[chance.random(LENGTH) < 0.01] = np.nan
    values, truth = ordinary.copy(), {}
    places = np.sort(
        chance.choice(np.arange(LEARNT, LENGTH - 30) // 30 * 30, 12, replace=False) + chance.integers(0, 20, 12)
    )
    for kind, at in zip(chance.permutation(np.resize(KINDS, len(places))).tolist(), places.tolist(), strict=True):
        while (WEEKDAY[at] < 5) == (kind == "weekend") or np.isnan(values[at]):
            at += 1
        if kind == "shift":
            values[at:] += 1500
        else:
            values[at] += {"spike": 2000, "weekend": 1200, "dropout": -level[at] - 300}[kind]
        truth[at] = kind
    return ordinary, values, truth


def z_scores(values: np.ndarray) -> np.ndarray:
    """Distance from the mean of the Z_WINDOW values before, in their standard deviations; 0 where it is unknown."""
    padded = np.concatenate([np.full(Z_WINDOW, np.nan), values])
    windows = np.lib.stride_tricks.sliding_window_view(padded, Z_WINDOW)[: len(values)]
    known = np.count_nonzero(~np.isnan(windows), axis=1) > 1
    scores = np.zeros(len(values))
    past = windows[known]
    scores[known] = np.abs(values[known] - np.nanmean(past, axis=1)) / np.nanstd(past, axis=1)
    return np.nan_to_num(scores)


if __name__ == "__main__":
    main()
