"""The plots of docs/forecast.md, drawn by benchmarks.forecast."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

if TYPE_CHECKING:
    from benchmarks.forecast import City

OURS, ACTUAL, CITY, NAIVE = "#1f6feb", "#24292f", "#d1730f", "#9aa0a6"
YEARS_BEFORE = 2


def draw_forecast(flows: list[City], path: Path) -> None:
    """The latest year's forecast of each flow with its intervals, what came, and the two years before."""
    figure, panels = plt.subplots(len(flows), 1, figsize=(10, 7.6), sharex=True, sharey=True, layout="constrained")
    for flow, axes in zip(flows, panels, strict=True):
        year = max(flow.actual)
        known, ours, actual = flow.known[year], flow.forecasts["Tieout"][year], flow.actual[year]
        # Fiscal year Y starts in July of Y - 1; months count from the first one shown.
        shown = known[-(YEARS_BEFORE * 12 + len(known) % 12) :]
        ahead = np.arange(len(shown), len(shown) + len(ours))
        for level, alpha in ((95, 0.15), (80, 0.3)):
            low, high = flow.intervals[year][level]
            axes.fill_between(ahead, low, high, color=OURS, alpha=alpha, linewidth=0, label=f"{level} % interval")
        axes.plot(np.r_[shown, actual], color=ACTUAL, linewidth=1.6, label="actual")
        axes.plot(ahead, ours, color=OURS, linewidth=2, marker="o", markersize=4, label="Tieout's forecast")
        own = flow.forecasts["the city itself"][year]
        axes.plot(ahead, own, color=CITY, linestyle="--", marker="s", markersize=4, label="the city's own forecast")
        axes.axvline(len(shown) - 0.5, color=NAIVE, linewidth=1)
        axes.text(len(shown) - 0.8, 0.98, "known", ha="right", va="top", transform=axes.get_xaxis_transform())
        axes.text(len(shown) - 0.2, 0.98, "forecast", ha="left", va="top", transform=axes.get_xaxis_transform())
        axes.set_ylabel("USD million a month")
        axes.set_title(f"City of Philadelphia, cash {flow.name}, forecast in October {year - 1}", loc="left")
        ticks = range(0, len(shown) + len(ours), 3)
        months, first = ("Jul", "Oct", "Jan", "Apr"), year - 1 - YEARS_BEFORE
        axes.set_xticks(list(ticks), [f"{months[t // 3 % 4]}\n{first + (t + 6) // 12}" for t in ticks])
        clean(axes)
    panels[0].set_ylim(bottom=0)  # of both: they share the axis, and it must hold all that was drawn
    panels[0].legend(frameon=False, loc="upper left")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_backtest(flows: list[City], path: Path) -> None:
    """WAPE of each fiscal year's forecast, beside the city's own and the seasonal naive."""
    figure, panels = plt.subplots(len(flows), 1, figsize=(10, 6.4), sharex=True, layout="constrained")
    for flow, axes in zip(flows, panels, strict=True):
        years = sorted(flow.actual)
        styles = (("Tieout", OURS), ("the city itself", CITY), ("seasonal naive", NAIVE))
        for place, (model, colour) in enumerate(styles):
            errors = [flow.wape(model, [year]) for year in years]
            axes.bar(np.array(years) + 0.27 * (place - 1), errors, 0.25, color=colour, label=model)
        axes.set_ylabel("WAPE, %")
        axes.set_title(f"Cash {flow.name}, months 4 to 12 of each fiscal year", loc="left")
        axes.set_xticks(years, [str(year) for year in years])
        clean(axes)
    panels[0].legend(frameon=False, ncols=3, loc="upper left")
    panels[-1].set_xlabel("fiscal year, July to June")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def clean(axes: plt.Axes) -> None:
    axes.grid(axis="y", color="#e5e7eb")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
