from __future__ import annotations

from datetime import date

import pytest

from tieout import alerts
from tieout.alerts import Finding, _notifier, message
from tieout.batch import Batch
from tieout.errors import ConfigError
from tieout.settings import Settings

BATCH = Batch.of(date(2026, 11, 20), "run")


def test_one_message_holds_every_kind_once_in_its_order() -> None:
    findings = [
        Finding("quarantined", "stripe.charges: 2 × malformed_line, first in stripe/charges/a.jsonl"),
        Finding("overdue", "EUR 10.0000 on 1 invoices"),
        Finding("quarantined", "netsuite.account: 1 × missing_key, first in netsuite/account/b.csv"),
    ]
    subject, text = message(BATCH, findings)
    assert subject == "Tieout 2026-11-20: quarantined lines, overdue receivables"
    assert text.count("lake.bronze.quarantine") == 1
    assert text.index("malformed_line") < text.index("missing_key") < text.index("EUR 10.0000")


def test_a_long_list_says_how_much_more_there_is() -> None:
    _, text = message(BATCH, [Finding("anomaly", f"alert {number}") for number in range(13)])
    assert "alert 9" in text
    assert "alert 10" not in text
    assert text.endswith("- and 3 more")


class Postcard:
    def __init__(self, subject: str, stamp: object) -> None:
        self.subject, self.stamp = subject, stamp


@pytest.mark.parametrize(
    ("notifier", "arguments", "says"),
    [
        pytest.param("Postcard", "{}", "Empty module name.*Name the class", id="no module"),
        pytest.param(f"{__name__}.Pigeon", "{}", "no attribute 'Pigeon'.*Name the class", id="no class"),
        pytest.param(f"{__name__}.Postcard", "{", "Expecting property name.*JSON object", id="no JSON"),
        pytest.param(f"{__name__}.Postcard", '["secret"]', "the arguments are no object", id="a list"),
        pytest.param(f"{__name__}.Postcard", '{"subject": "secret"}', "missing 1 required.*'stamp'", id="one missing"),
    ],
)
def test_a_notifier_that_cannot_be_made_is_named_without_its_arguments(
    monkeypatch: pytest.MonkeyPatch, notifier: str, arguments: str, says: str
) -> None:
    use(monkeypatch, arguments)
    with pytest.raises(ConfigError, match=rf"TIEOUT_ALERT_NOTIFIER is '{notifier}'.*{says}") as raised:
        _notifier(notifier, "subject", "text")
    assert "secret" not in str(raised.value)


class Wren:
    def __init__(self) -> None:
        raise RuntimeError("no post on Sundays")


@pytest.mark.parametrize("notifier", ["Pigeon", "Wren"])
def test_a_message_is_stored_where_no_notifier_can_be_made(monkeypatch: pytest.MonkeyPatch, notifier: str) -> None:
    stored: list[tuple[str, str]] = []
    settings = Settings(alert_notifier=f"{__name__}.{notifier}")
    monkeypatch.setattr(alerts, "get_settings", lambda: settings)
    monkeypatch.setattr(alerts, "gather", lambda batch: [Finding("anomaly", "a payment twice")])
    monkeypatch.setattr(alerts, "_last_status", lambda batch: None)
    monkeypatch.setattr(alerts, "_record", lambda batch, status, subject, text: stored.append((status, text)))
    with pytest.raises(ConfigError, match=notifier):
        alerts.send_alerts(BATCH)
    [(status, text)] = stored
    assert status == "failed" and "a payment twice" in text and "Name the class" in text


def test_the_message_stands_where_the_arguments_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, '{"subject": "{subject}: {text}", "stamp": [80, {"text": "{text}"}]}')
    made = _notifier(f"{__name__}.Postcard", "one", "two {subject}")
    assert made.subject == "one: two {subject}"
    assert made.stamp == [80, {"text": "two {subject}"}]


def use(monkeypatch: pytest.MonkeyPatch, arguments: str) -> None:
    settings = Settings(alert_notifier_arguments=arguments)
    monkeypatch.setattr("tieout.alerts.get_settings", lambda: settings)
