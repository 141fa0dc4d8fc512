"""The plot of docs/anomalies.md: alerts on a daily series, drawn by benchmarks.anomalies --plot."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tieout.ml.alerts import Alert
from tieout.ml.money import to_floats
from tieout.ml.series_detector import judge

ACTUAL, EXPECTED, ALERT, PUT_IN = "#24292f", "#1f6feb", "#cf222e", "#d1730f"
SHOWN_DAYS = 365
# A day is raised from twice the edge of the usual on, which is a score of 0.8.
EDGES = 2


def draw_alerts(rows: list[dict[str, Any]], alerts: list[Alert], labels: list[dict[str, Any]], path: Path) -> None:
    """The cash paid out, day by day, of the series with the first unusual day; rows as of history.FLOWS."""
    raised = [alert for alert in alerts if alert.kind == "unusual_day" and "/outflow/" in alert.subject_id]
    org, currency, _, _ = min(alert.subject_id for alert in raised).split("/")
    totals = {row["booked_on"]: row["outflow"] for row in rows if (row["org_id"], row["currency"]) == (org, currency)}
    last = max(totals)
    days = [min(totals) + timedelta(days=i) for i in range((last - min(totals)).days + 1)]
    values = to_floats(totals.get(day, 0) for day in days)
    # As unusual_day judges it: by the root.
    judged = judge(days, np.sqrt(values))
    expected = np.maximum(judged.level + judged.season, 0)
    edge = (expected + EDGES * judged.edge) ** 2
    shown = slice(max(len(days) - SHOWN_DAYS, 0), None)

    figure, axes = plt.subplots(figsize=(10, 4.6), layout="constrained")
    scale = 1e-6
    axes.vlines(days[shown], 0, values[shown] * scale, color=ACTUAL, linewidth=1.1, label="paid on the day")
    axes.fill_between(
        days[shown], 0, edge[shown] * scale, color=EXPECTED, alpha=0.18, linewidth=0, step="mid", label="not unusual"
    )
    put_in = _days(line["subject_id"] for line in labels if line["label"] == "unusual_day")
    found = _days(alert.subject_id for alert in raised)
    for places, style in (
        (put_in, {"marker": "s", "color": PUT_IN, "s": 110, "facecolors": "none", "label": "put in as unusual"}),
        (found, {"marker": "o", "color": ALERT, "s": 34, "label": "alert"}),
    ):
        here = [day for key, day in places if key == f"{org}/{currency}/outflow" and day in days[shown]]
        axes.scatter(here, [float(totals[day]) * scale for day in here], zorder=3, **style)
    axes.set_ylim(0, 1.15 * scale * values[shown].max())
    axes.set_xlim(days[shown][0], days[shown][-1] + timedelta(days=3))
    axes.set_ylabel(f"{currency} million a day")
    axes.set_title("Cash paid out by one organization of a generated company", loc="left")
    axes.legend(frameon=False, ncols=4, loc="upper left")
    axes.grid(axis="y", color="#e5e7eb")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _days(subjects: Any) -> list[tuple[str, date]]:
    """(series, day) of subjects of unusual_day."""
    split = (subject.rpartition("/") for subject in subjects)
    return [(series, date.fromisoformat(day)) for series, _, day in split]
