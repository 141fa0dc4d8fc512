"""The verb `tieout tie-out`: what it prints and how it exits."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tieout import connections
from tieout.controls import ops, report

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("stack")]

DAY = date(2099, 2, 1)


def comparison(run_id, measure, left, right, status):
    difference = left - right
    layers = ("source_silver", "source", "silver", "app_db", "payments")
    return ops.TieOut(run_id, DAY, *layers, measure, left, right, difference, status)


@pytest.fixture
def run_id():
    ops.ensure_ops_tables()
    connections.execute(f"delete from {ops.SCHEMA}.tie_out where batch = date '{DAY}'")
    yield f"report-test-{datetime.now(UTC).isoformat()}"
    connections.execute(f"delete from {ops.SCHEMA}.tie_out where batch = date '{DAY}'")


def test_a_day_without_a_tie_out_says_what_to_run(run_id, capsys):
    assert report.show(str(DAY)) == 1
    assert f"tieout run --date {DAY}" in capsys.readouterr().out


def test_only_the_last_tie_out_counts(run_id, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    ops.record_tie_out([comparison(run_id, "sum:amount:EUR", Decimal("1234.5000"), Decimal("1234.4900"), "drift")])
    assert report.show(str(DAY)) == 1
    printed = capsys.readouterr().out
    assert "app_db.payments" in printed
    assert "1,234.5000" in printed
    assert "0.0100" in printed
    assert "nothing was published" in printed

    ops.record_tie_out([comparison(run_id, "rows", Decimal(7), Decimal(7), "tied")])
    assert report.show(str(DAY)) == 0
    assert "All 1 comparisons tie." in capsys.readouterr().out
