"""What people have decided about alerts, and the verb `tieout alerts` that shows and takes decisions.

A decision is a row of review.ml_alert_status in the app database, by the alert's id, which is of kind and subject: it
outlives every rerun, and what was dismissed is not raised again.
"""

from __future__ import annotations

import getpass
from typing import Any

import typer

from tieout import connections
from tieout.errors import TieoutError

NEW, ACKNOWLEDGED, DISMISSED = "new", "acknowledged", "dismissed"

_STYLES = {"high": "bold red", "medium": "bold yellow", "low": "bold"}
_CURRENT = """
select distinct on (alert_id) alert_id, status
from review.ml_alert_status
order by alert_id, decided_at desc, id desc
"""
# A run that raised nothing leaves no row among the alerts, so what was published tells which run is the newest.
_NEWEST = """
select alert_id, severity, kind, run_date, reason
from lake.gold.ml_anomaly_alerts
where run_date = (select max(batch) from lake.ops.publications where relation = 'ml_anomaly_alerts')
order by case severity when 'high' then 1 when 'medium' then 2 else 3 end, kind, amount desc, alert_id
"""


class AlertStatusError(TieoutError):
    """A decision that cannot be taken; nothing was written."""


def statuses() -> dict[str, str]:
    """The status of every alert on which something was decided, by alert id. All others are new."""
    with connections.app_db() as conn:
        return dict(conn.execute(_CURRENT).fetchall())


def decide(alert_id: str, status: str, reason: str | None) -> None:
    """Add a decision to an alert's history.

    Raises AlertStatusError for a dismissal without a reason, or an alert that was never published.
    """
    reason = (reason or "").strip() or None
    if status == DISMISSED and reason is None:
        raise AlertStatusError('a dismissal needs a reason: add --reason "why this is in order"')
    # One that was dismissed on the day it was raised is gone from that day's rerun; its history knows it.
    raised = "select 1 from lake.gold.ml_anomaly_alerts where alert_id = ? limit 1"
    if alert_id not in statuses() and not connections.query(raised, [alert_id]):
        raise AlertStatusError(f"there is no alert {alert_id!r}: `tieout alerts` lists them with their ids")
    with connections.app_db() as conn:
        conn.execute(
            "insert into review.ml_alert_status (alert_id, status, reason, decided_by) values (%s, %s, %s, %s)",
            (alert_id, status, reason, getpass.getuser()),
        )


def run(dismiss: str | None, acknowledge: str | None, reason: str | None) -> None:
    """Take the decision asked for, or list the newest run's alerts."""
    if dismiss and acknowledge:
        raise AlertStatusError("an alert is either dismissed or acknowledged: give one of --dismiss and --acknowledge")
    if reason is not None and not (dismiss or acknowledge):
        raise AlertStatusError("a reason is of a decision: give --dismiss ID or --acknowledge ID with --reason")
    if alert_id := dismiss or acknowledge:
        status = DISMISSED if dismiss else ACKNOWLEDGED
        decide(alert_id, status, reason)
        typer.echo(f"{status} {alert_id}")
    else:
        _show(connections.query(_NEWEST), statuses())


def _show(alerts: list[tuple[Any, ...]], decided: dict[str, str]) -> None:
    """One alert after another, severity first: a table leaves a reason no room beside the ids."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    if not alerts:
        console.print("There are no alerts.")
        return
    console.print(f"{len(alerts)} alerts of {alerts[0][3]}")
    for alert_id, severity, kind, _, reason in alerts:
        console.print()
        head = Text(f"{severity}  {kind}  {decided.get(alert_id, NEW)}", style=_STYLES[severity])
        console.print(head, Text(alert_id, style="dim"), sep="  ", soft_wrap=True)
        console.print(Padding(Text(reason), (0, 0, 0, 2)))
