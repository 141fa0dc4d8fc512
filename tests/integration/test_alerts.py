"""Delivery of a run's message: at most once a run, and never lost from lake.ops.alerts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import ClassVar

import pytest
from airflow.sdk import BaseNotifier

from tieout import alerts
from tieout.alerts import AlertError, Finding, send_alerts
from tieout.batch import Batch
from tieout.connections import query
from tieout.controls import ops
from tieout.controls.ops import ensure_ops_tables
from tieout.errors import ConfigError
from tieout.settings import get_settings

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("ops_tables")]


@pytest.fixture(scope="module")
def ops_tables(stack: None) -> None:
    ensure_ops_tables()


class Mailbox(BaseNotifier):
    """A notifier like those of Airflow's providers; it keeps what it is given, or refuses it."""

    received: ClassVar[list[tuple[str, str]]] = []
    refuses: ClassVar[bool] = False

    def __init__(self, subject: str, text: str):
        super().__init__()
        self.subject, self.text = subject, text

    def notify(self, context: object) -> None:
        if self.refuses:
            raise ConnectionError("the mail server is away")
        self.received.append((self.subject, self.text))


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What was found does not matter here; the end-to-end tests gather it from a real run."""
    monkeypatch.setattr(alerts, "gather", lambda batch: [Finding("overdue", "EUR 10.0000 on 1 invoices")])
    Mailbox.received.clear()
    Mailbox.refuses = False
    yield
    get_settings.cache_clear()


@pytest.fixture
def mailbox(findings: None, monkeypatch: pytest.MonkeyPatch) -> type[Mailbox]:
    monkeypatch.setenv("TIEOUT_ALERT_NOTIFIER", f"{__name__}.Mailbox")
    monkeypatch.setenv("TIEOUT_ALERT_NOTIFIER_ARGUMENTS", '{"subject": "{subject}", "text": "{text}"}')
    get_settings.cache_clear()
    return Mailbox


def batch(name: str) -> Batch:
    return Batch.of(date(2098, 1, 1), f"alerts {name}")


def recorded(of: Batch) -> list[str]:
    rows = query(f"select status from lake.ops.alerts where run_id = '{of.run_id}' order by recorded_at")
    return [status for (status,) in rows]


def test_without_a_notifier_the_message_is_stored(findings: None) -> None:
    send_alerts(batch("stored"))
    assert recorded(batch("stored")) == ["stored"]


def test_a_run_sends_one_message_however_often_its_task_runs(mailbox: type[Mailbox]) -> None:
    for _ in range(3):
        send_alerts(batch("once"))
    ((subject, text),) = mailbox.received
    assert subject == "Tieout 2098-01-01: overdue receivables"
    assert "EUR 10.0000 on 1 invoices" in text
    assert recorded(batch("once")) == ["sent"]


def test_a_message_that_was_refused_is_sent_by_the_next_try(mailbox: type[Mailbox]) -> None:
    mailbox.refuses = True
    with pytest.raises(AlertError, match=r"the mail server is away.*lake\.ops\.alerts"):
        send_alerts(batch("refused"))
    mailbox.refuses = False
    send_alerts(batch("refused"))
    assert len(mailbox.received) == 1
    assert recorded(batch("refused")) == ["sent", "failed", "sent"]


def test_a_notifier_that_is_not_there_is_named(findings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_ALERT_NOTIFIER", "airflow.providers.pigeon.Notifier")
    get_settings.cache_clear()
    with pytest.raises(ConfigError, match=r"airflow\.providers\.pigeon\.Notifier.*Name the class"):
        send_alerts(batch("nowhere"))


def outcome(of: Batch, source: str, entity: str, status: str, file: str | None, reason: str) -> ops.TableOutcome:
    return ops.TableOutcome(of.run_id, of.day, source, entity, file, status, 0, 0, 0, 0, 0, Decimal("0.1"), reason)


def test_an_object_without_news_is_no_finding_and_a_silent_source_is() -> None:
    of = batch("deliveries")
    ops.record_outcomes(
        [
            outcome(of, "app_db", "payments", "loaded", None, ""),
            outcome(of, "stripe", "charges", "loaded", "charges.jsonl", ""),
            outcome(of, "stripe", "refunds", "skipped", None, "no delivery"),
            outcome(of, "stripe", "payouts", "failed", "payouts.csv", "no header"),
            outcome(of, "stripe", "disputes", "skipped", "disputes.jsonl", "empty: it holds no rows"),
            outcome(of, "stripe", "invoices", "skipped", "manifest.json", "manifest: its 2 files are there"),
            outcome(of, "stripe", "customers", "skipped", "old.csv", "already loaded from another file"),
            outcome(of, "netsuite", "account", "skipped", None, "no delivery"),
            outcome(of, "netsuite", "customer", "skipped", None, "no delivery"),
            # Of these, files come on some days only.
            outcome(of, "planning", "budgets", "skipped", None, "no delivery"),
            outcome(of, "wealth", "trades", "skipped", None, "no delivery"),
            outcome(of, "wealth", "transactions", "skipped", None, "no delivery"),
        ]
    )
    told = [finding.text for finding in alerts.deliveries(of)]
    assert told == [
        "netsuite: nothing was delivered",
        "stripe: old.csv skipped: already loaded from another file",
        "stripe: payouts.csv failed: no header",
    ]
