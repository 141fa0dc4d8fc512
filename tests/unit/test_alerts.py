from __future__ import annotations

from datetime import date

from tieout.alerts import Finding, message
from tieout.batch import Batch

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
