"""The task `alerts`: what people must know of a run, gathered into one message.

The message is always stored in lake.ops.alerts and logged. Where the setting `alert_notifier` names one of Airflow's
notifiers (mail, Slack or any other that is installed), it is delivered through that. A run sends at most one message:
it is noted as sent before it is, so that a crash in between loses it rather than repeat it.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any

from tieout import connections
from tieout.batch import Batch
from tieout.controls import ops
from tieout.controls.literals import literal
from tieout.controls.repair import repaired_rows
from tieout.errors import ConfigError, TieoutError
from tieout.settings import get_settings
from tieout.sources import RARELY, load_sources

log = logging.getLogger(__name__)

# A message names so many items of each kind; the tables have them all.
_ITEMS = 10
SENT, STORED, FAILED = "sent", "stored", "failed"


class AlertError(TieoutError):
    """The message could not be delivered; it is in lake.ops.alerts."""


@dataclass(frozen=True)
class Finding:
    """One thing worth telling. kind: quarantined, delivery, repair, reconciliation, overdue or anomaly."""

    kind: str
    text: str


def send_alerts(batch: Batch) -> list[Finding]:
    """Tell people what this run found; returns it. Safe to repeat: a message that was sent is not sent again.

    Raises AlertError when the notifier refuses the message, ConfigError when the setting names no notifier.
    """
    findings = gather(batch)
    if not findings:
        log.info("nothing to tell of %s", batch)
        return []
    subject, text = message(batch, findings)
    log.warning("%s\n%s", subject, text)
    notifier = get_settings().alert_notifier
    if not notifier:
        _record(batch, STORED, subject, text)
    elif _last_status(batch) != SENT:
        try:
            deliver = _notifier(notifier, subject, text)
        except ConfigError as error:
            _record(batch, FAILED, subject, f"{text}\n\n{error}")
            raise
        _record(batch, SENT, subject, text)
        try:
            deliver.notify({})
        except Exception as error:
            _record(batch, FAILED, subject, f"{text}\n\n{type(error).__name__}: {error}")
            raise AlertError(f"{notifier} did not take the message: {error}. It is in lake.ops.alerts") from error
    return findings


def gather(batch: Batch) -> list[Finding]:
    """Everything worth telling of a published run, from lake.ops, lake.bronze.quarantine and lake.gold."""
    return [
        *_quarantined(batch),
        *deliveries(batch),
        *repairs(batch),
        *_reconciliation(),
        *_overdue(batch),
        *_anomalies(batch),
    ]


def message(batch: Batch, findings: list[Finding]) -> tuple[str, str]:
    """Subject and text of the one message of a run."""
    kinds = list(dict.fromkeys(finding.kind for finding in findings))
    parts = []
    for kind in kinds:
        lines = [finding.text for finding in findings if finding.kind == kind]
        more = [f"- and {len(lines) - _ITEMS} more"] if len(lines) > _ITEMS else []
        parts.append("\n".join([_HEADINGS[kind], *(f"- {line}" for line in lines[:_ITEMS]), *more]))
    return f"Tieout {batch}: {', '.join(_WORDS[kind] for kind in kinds)}", "\n\n".join(parts)


_WORDS = {
    "quarantined": "quarantined lines",
    "delivery": "deliveries not loaded",
    "repair": "repaired rows",
    "reconciliation": "reconciliation exceptions",
    "overdue": "overdue receivables",
    "anomaly": "anomalies",
}
_HEADINGS = {
    "quarantined": "Delivered lines that could not be read (lake.bronze.quarantine):",
    "delivery": "Tables and files that were not loaded (lake.ops.table_outcomes):",
    "repair": "Rows that differed from their source and were read again (lake.ops.repairs):",
    "reconciliation": "Stripe against NetSuite, what is open (lake.gold.fact_reconciliation):",
    "overdue": "Receivables past their due date (lake.gold.fact_ar_aging):",
    "anomaly": "What looks wrong (lake.gold.ml_anomaly_alerts):",
}


def _quarantined(batch: Batch) -> list[Finding]:
    rows = connections.query(
        "select source, entity, reason_code, count(*), min(file) from lake.bronze.quarantine "
        f"where _batch = {literal(batch.day)} and run_id = {literal(batch.run_id)} "
        "group by source, entity, reason_code order by 4 desc, 1, 2, 3"
    )
    return [Finding("quarantined", f"{s}.{e}: {count} × {code}, first in {file}") for s, e, code, count, file in rows]


def deliveries(batch: Batch) -> list[Finding]:
    """Files that were not loaded, and sources of which no file came.

    No finding is an object without news of a day, a file without rows, a manifest that holds, and a silent day of a
    source that delivers rarely.
    """
    rare = ", ".join(literal(source.name) for source in load_sources().values() if source.arrives == RARELY)
    outcomes = ops.latest("table_outcomes", "source, entity", ops.of_run(batch.run_id, batch.day))
    rows = connections.query(
        f"with outcomes as ({outcomes}) "
        "select source, concat(coalesce(file, entity), ' ', status, ': ', reason) from outcomes "
        "where status = 'failed' or (status = 'skipped' and file is not null "
        f"and not starts_with(reason, '{ops.EMPTY_FILE}') and not starts_with(reason, '{ops.VERIFIED_MANIFEST}')) "
        "union all "
        "select source, 'nothing was delivered' from outcomes "
        f"where not contains(cast(array[{rare}] as array(varchar)), source) "
        "group by source having bool_and(status = 'skipped' and file is null) order by 1, 2"
    )
    return [Finding("delivery", f"{source}: {text}") for source, text in rows]


def repairs(batch: Batch) -> list[Finding]:
    """Tables in which the run's tie-out found rows that differed, and mended them."""
    return [
        Finding("repair", f"{source}.{entity}: {rows:,} {'row' if rows == 1 else 'rows'}")
        for source, entity, rows in repaired_rows(batch)
    ]


def _reconciliation() -> list[Finding]:
    rows = connections.query(
        "select status, currency, count(*), sum(leakage_amount) from lake.gold.fact_reconciliation "
        # What came late is settled, and what the ERP still has time for is not missing yet.
        "where is_open and not is_awaiting_erp group by 1, 2 order by 1, 2"
    )
    return [
        Finding("reconciliation", f"{status}: {count} in {currency}, leakage {_money(leakage)}")
        for status, currency, count, leakage in rows
    ]


def _overdue(batch: Batch) -> list[Finding]:
    rows = connections.query(
        "select currency, count(*), sum(remaining_amount) from lake.gold.fact_ar_aging "
        f"where as_of_date = {literal(batch.day)} and is_overdue group by 1 order by 1"
    )
    return [Finding("overdue", f"{currency} {_money(total)} on {count} invoices") for currency, count, total in rows]


def _anomalies(batch: Batch) -> list[Finding]:
    rows = connections.query(
        "select severity, kind, reason from lake.gold.ml_anomaly_alerts "
        # Overdue receivables have a part of their own in the message.
        f"where run_date = {literal(batch.day)} and kind <> 'overdue_receivable' "
        # What someone looks after already is no news.
        "and coalesce(status, 'new') = 'new' "
        "order by case severity when 'high' then 1 when 'medium' then 2 else 3 end, kind, alert_id"
    )
    return [Finding("anomaly", f"{severity}, {kind}: {reason}") for severity, kind, reason in rows]


def _money(value: Decimal | None) -> str:
    return "unknown" if value is None else f"{value:,f}"


def _last_status(batch: Batch) -> str | None:
    rows = connections.query(
        f"select status from lake.ops.alerts where {ops.of_run(batch.run_id, batch.day)} "
        "order by recorded_at desc limit 1"
    )
    return rows[0][0] if rows else None


def _record(batch: Batch, status: str, subject: str, text: str) -> None:
    ops.record_alerts([ops.Alert(batch.run_id, batch.day, status, subject, text)])


def _notifier(path: str, subject: str, text: str) -> Any:
    """The notifier that the settings describe; {subject} and {text} in its arguments become the message's."""
    module, _, name = path.rpartition(".")
    try:
        notifier = getattr(import_module(module), name)
        arguments = json.loads(get_settings().alert_notifier_arguments)
        if not isinstance(arguments, dict):
            raise ValueError("the arguments are no object")
        return notifier(**_filled(arguments, subject, text))
    except Exception as error:  # a class may raise whatever it likes: the message is stored all the same
        # The arguments themselves are not shown: they may hold a password.
        raise ConfigError(
            f"TIEOUT_ALERT_NOTIFIER is {path!r}, and it cannot be made of TIEOUT_ALERT_NOTIFIER_ARGUMENTS: {error}. "
            "Name the class of an installed Airflow notifier, and its arguments as a JSON object"
        ) from error


def _filled(value: Any, subject: str, text: str) -> Any:
    """The value with {subject} and {text} of every text in it filled in, however deep."""
    if isinstance(value, str):
        return value.replace("{subject}", subject).replace("{text}", text)
    if isinstance(value, list):
        return [_filled(item, subject, text) for item in value]
    if isinstance(value, dict):
        return {name: _filled(item, subject, text) for name, item in value.items()}
    return value
