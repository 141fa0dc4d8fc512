"""Decisions that cannot be taken are refused before anything is written."""

import pytest
from typer.testing import CliRunner

from tieout import connections
from tieout.cli import app
from tieout.ml.alert_status import _show

ALERT = "0" * 32


@pytest.fixture
def written(monkeypatch) -> list[tuple]:
    """What reaches the app database, where nothing was decided before; Gold knows one alert."""
    rows: list[tuple] = []

    class Connection:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def execute(self, _, values):
            rows.append(values)

    monkeypatch.setattr("tieout.ml.alert_status.statuses", dict)

    monkeypatch.setattr(connections, "app_db", Connection)
    monkeypatch.setattr(connections, "query", lambda _, params: [(1,)] if params == [ALERT] else [])
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    return rows


@pytest.mark.parametrize(
    ("arguments", "row"),
    [
        (["--dismiss", ALERT, "--reason", " a deposit "], (ALERT, "dismissed", "a deposit", "ann")),
        (["--acknowledge", ALERT], (ALERT, "acknowledged", None, "ann")),
    ],
    ids=["dismiss", "acknowledge"],
)
def test_a_decision_is_written_with_who_took_it(written, arguments, row):
    result = CliRunner().invoke(app, ["alerts", *arguments])
    assert result.exit_code == 0 and result.stdout == f"{row[1]} {ALERT}\n"
    assert written == [row]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dismiss", ALERT], "a dismissal needs a reason"),
        (["--dismiss", ALERT, "--reason", " "], "a dismissal needs a reason"),
        (["--acknowledge", "1" * 32], "there is no alert"),
        (["--acknowledge", ALERT, "--dismiss", ALERT, "--reason", "x"], "give one of --dismiss and --acknowledge"),
        (["--reason", "x"], "a reason is of a decision"),
        (["--dismiss", "", "--reason", "x"], "a reason is of a decision"),
    ],
    ids=["no reason", "blank reason", "unknown alert", "both", "neither", "empty id"],
)
def test_what_cannot_be_decided_is_refused(written, arguments, message):
    result = CliRunner().invoke(app, ["alerts", *arguments])
    assert result.exit_code == 1 and message in result.stderr
    assert written == []


@pytest.mark.parametrize("width", [80, 140])
def test_a_reason_has_the_terminal_to_itself(width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    reason = "paid twice: same supplier (Acme) and amount 1,234.50 USD as payment p-1 of 2026-11-01 [sic]; " * 2
    _show([(ALERT, "high", "duplicate_payment", "2026-11-20", reason)], {ALERT: "acknowledged"})
    title, _, head, *told = capsys.readouterr().out.splitlines()
    assert (title, head) == ("1 alerts of 2026-11-20", f"high  duplicate_payment  acknowledged  {ALERT}")
    assert " ".join(" ".join(told).split()) == reason.strip()
    assert max(map(len, told)) <= width and len(told) == -(-len(reason) // (width - 6))
