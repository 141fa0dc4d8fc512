"""The rows of lake.ops as statements: complete, bounded and safely quoted."""

from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tieout import connections
from tieout.controls import ops

DAY = date(2026, 11, 20)


def total(measure="rows", value=Decimal(1)):
    return ops.ControlTotal("run", DAY, "source", "app_db", "payments", measure, value)


@pytest.fixture
def statements(monkeypatch):
    sent = []
    monkeypatch.setattr(connections, "execute", sent.append)
    return sent


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("runs", ops.Run),
        ("table_outcomes", ops.TableOutcome),
        ("control_totals", ops.ControlTotal),
        ("tie_out", ops.TieOut),
        ("drift", ops.DriftRow),
        ("repairs", ops.RepairRow),
        ("validations", ops.Validation),
        ("publications", ops.Publication),
    ],
)
def test_a_row_has_the_columns_of_its_table(table, row):
    assert [field.name for field in fields(row)] == list(ops.TABLES[table][1])


def test_nothing_to_record_sends_nothing(statements):
    ops.record_control_totals([])
    assert statements == []


def test_rows_of_one_call_carry_one_time(statements):
    ops.record_control_totals([total(), total("checksum")])
    [statement] = statements
    times = {part.split("'")[0] for part in statement.split("timestamp '")[1:]}
    assert len(times) == 1


def test_many_rows_go_in_bounded_statements(statements):
    ops.record_control_totals([total(value=Decimal(n)) for n in range(1201)])
    assert [statement.count("'payments'") for statement in statements] == [500, 500, 201]


def test_long_texts_are_cut_and_statements_stay_small(statements):
    outcome = ops.TableOutcome(
        "run", DAY, "stripe", "charges", "f.jsonl", "failed", 1, 0, 0, 0, 9, Decimal("0.1"), "x'" * 50_000
    )
    ops.record_outcomes([outcome] * 200)
    assert all(len(statement) < 1_000_000 for statement in statements)
    assert sum(statement.count("'f.jsonl'") for statement in statements) == 200


def test_an_outcome_is_a_line_that_a_person_can_read():
    outcome = ops.TableOutcome(
        "run", DAY, "stripe", "charges", "a.jsonl", "loaded", 1_210, 1_200, 10, 0, 4_096, Decimal("0.125"), "10 of bad"
    )
    assert str(outcome) == (
        "stripe.charges loaded: 1,200 rows, 10 quarantined, 4,096 bytes in 0.1 s: a.jsonl: 10 of bad"
    )
    skipped = ops.TableOutcome(
        "run", DAY, "stripe", "refunds", None, "skipped", 0, 0, 0, 0, 0, Decimal("0.001"), "no delivery"
    )
    assert str(skipped) == "stripe.refunds skipped: no delivery"


def conflict(name="ICEBERG_COMMIT_ERROR"):
    from trino.exceptions import TrinoQueryError

    return TrinoQueryError({"errorName": name, "message": "conflict", "errorType": "EXTERNAL"}, "query")


def test_a_commit_lost_to_another_task_is_tried_again(monkeypatch):
    answers = [conflict(), conflict(), None]

    def execute(statement):
        if answer := answers.pop(0):
            raise answer

    monkeypatch.setattr(connections, "execute", execute)
    monkeypatch.setattr(ops.time, "sleep", lambda seconds: None)
    ops.record_control_totals([total()])
    assert answers == []


def test_another_error_is_not_tried_again(monkeypatch):
    calls = []

    def execute(statement):
        calls.append(statement)
        raise conflict("SYNTAX_ERROR")

    monkeypatch.setattr(connections, "execute", execute)
    with pytest.raises(Exception, match="conflict"):
        ops.record_control_totals([total()])
    assert len(calls) == 1


def test_a_published_row_keeps_its_own_time(statements):
    at = datetime(2026, 11, 21, 2, 5, tzinfo=UTC)
    ops.record_publications([ops.Publication("run", DAY, "dim_date", 7, "issued_2026_11_20", at)])
    assert "timestamp '2026-11-21 02:05:00.000000 UTC'" in statements[0]
