"""Seconds, memory and coverage of the daily cash forecast: 100 made-up series of three years, 90 days ahead.

python -m benchmarks.forecast_speed [series]. The series are seeded: weekly and yearly seasons, growth, amounts of a
lognormal, cash on 30 to 100 % of the days, so that every model is a candidate on nearly all. The 90 days after each
history are made with it and only looked at to count how many lie within the intervals. The limit is 60 s on two cores.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import psutil
from benchmarks import _report

from tieout.ml.forecast import HORIZON_DAYS, forecast_all
from tieout.ml.history import CashSeries
from tieout.ml.tables import LEVELS

LAST_DAY = date(2026, 11, 20)
DAYS = 3 * 365
LIMIT_SECONDS = 60


def main(count: int) -> None:
    random = np.random.default_rng(1)
    flows = [(flow(random), flow(random)) for _ in range(count)]
    every = [
        CashSeries(f"org-{number}", "USD", 2, Decimal(0), LAST_DAY, inflow[:DAYS], outflow[:DAYS])
        for number, (inflow, outflow) in enumerate(flows)
    ]
    inside: dict[int, list[bool]] = {level: [] for level in LEVELS}
    memory = PeakMemory()
    started, cpu = time.monotonic(), cpu_seconds()
    with memory:
        for number, (outcome, rows, _) in enumerate(forecast_all(every), start=1):
            if outcome.status != "forecast":
                raise RuntimeError(f"{outcome.org_id}: {outcome.reason}")
            count_inside(inside, rows, flows[number - 1])
            print(f"\r{number} of {count} series", end="", file=sys.stderr, flush=True)
    seconds, cpu = time.monotonic() - started, cpu_seconds() - cpu
    print(file=sys.stderr)
    print(f"{count} series of {DAYS} days, {HORIZON_DAYS} days ahead, on {os.cpu_count()} cores")
    print(f"  seconds                       {seconds:8.1f}   (limit {LIMIT_SECONDS} for 100 series)")
    print(f"  CPU seconds                   {cpu:8.1f}")
    print(f"  peak memory, all processes    {memory.peak / 2**20:8.0f}   MiB")
    figures = [
        _report.Figure("seconds", seconds, "s", f"≤ {LIMIT_SECONDS}", seconds <= LIMIT_SECONDS),
        _report.Figure("CPU seconds", cpu, "s", None, None),
        _report.Figure("peak memory of all processes", memory.peak / 2**20, "MiB", None, None),
    ]
    for level, hits in inside.items():
        share = 100 * float(np.mean(hits))
        figures.append(_report.Figure(f"days within the {level} % interval", share, "%", None, None))
        print(f"  within the {level} % interval     {share:8.1f}   % of days to come")
    _report.record("forecast_speed", f"{count} series of three years of days, {HORIZON_DAYS} days ahead", figures)


def flow(random: np.random.Generator) -> np.ndarray:
    """Daily amounts of one flow over the history and the horizon after it, rounded to cents."""
    days = np.arange(DAYS + HORIZON_DAYS)
    trend = 10 ** random.uniform(3, 6) * np.exp(random.normal(0, 0.3) * days / DAYS)
    year = 1 + 0.3 * random.random() * np.sin(2 * np.pi * (days / 365.25 + random.random()))
    week = np.r_[random.uniform(0.5, 2, 5), random.uniform(0, 0.3, 2)][days % 7]
    moved = random.random(len(days)) < random.uniform(0.3, 1)
    return np.round(trend * year * week * random.lognormal(0, 0.6, len(days)) * moved, 2)


def count_inside(
    inside: dict[int, list[bool]], rows: list[dict[str, Any]], flows: tuple[np.ndarray, np.ndarray]
) -> None:
    for name, actual in zip(("inflow", "outflow"), flows, strict=True):
        for row in rows:
            amount = actual[DAYS - 1 + row["horizon_days"]]
            for level, hits in inside.items():
                hits.append(float(row[f"{name}_lower_{level}"]) <= amount <= float(row[f"{name}_upper_{level}"]))
    assert rows[-1]["forecast_date"] == LAST_DAY + timedelta(days=HORIZON_DAYS)


def cpu_seconds() -> float:
    """User and system seconds of this process and of all its ended children, such as Prophet's solver."""
    return sum(os.times()[:4])


class PeakMemory:
    """The most that this process and its children held at once, in bytes; pages that they share count once."""

    def __enter__(self) -> None:
        self.peak, self._done = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            held = 0
            for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
                try:
                    info = process.memory_full_info()
                except psutil.Error:  # ended since it was listed
                    continue
                held += getattr(info, "pss", info.rss)
            self.peak = max(self.peak, held)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
