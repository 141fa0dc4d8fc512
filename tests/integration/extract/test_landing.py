"""Delivered files to Bronze on the real parts: what is taken, replaced, put aside, refused, and what is said of it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import date

import pytest
from tests.lake import empty_landing, fresh_app_database, fresh_lake

from tieout import connections
from tieout.batch import Batch
from tieout.bronze.quarantine import ensure_quarantine
from tieout.controls.ops import TableOutcome
from tieout.errors import ConfigError, ExtractionError, LandingError
from tieout.extract import deliveries, landing
from tieout.extract.landing import extract_landing
from tieout.settings import get_settings
from tieout.sources import load_source

pytestmark = pytest.mark.integration

DAY_1, DAY_2, DAY_3 = "2026-11-18", "2026-11-19", "2026-11-20"


@pytest.fixture(scope="module")
def empty_lake(stack: object) -> list[tuple]:
    """The catalog's rows of an empty lake; the currencies are those of the migrations."""
    fresh_app_database()
    fresh_lake()
    ensure_quarantine(connections.iceberg_catalog())
    with connections.postgres("iceberg") as catalog:
        return catalog.execute("select * from iceberg_tables").fetchall()


@pytest.fixture
def lake(empty_lake: list[tuple]) -> None:
    """The empty lake as it was first made, and nothing delivered."""
    with connections.postgres("iceberg") as catalog, catalog.cursor() as cursor:
        cursor.execute("truncate iceberg_tables")
        cursor.executemany(f"insert into iceberg_tables values ({', '.join(['%s'] * len(empty_lake[0]))})", empty_lake)
    empty_landing()


def payout(number: int, **changes: object) -> dict:
    return {
        "id": f"po_{number}",
        "amount": 100 * number,
        "currency": "usd",
        "status": "paid",
        "arrival_date": 1234567890,
        "created": 1234567890,
        **changes,
    }


def deliver(file: str, *rows: dict | str, data: bytes | None = None) -> str:
    """Put JSON lines, or the bytes given, below landing/stripe/; returns the object's key."""
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    key = f"stripe/{file}"
    connections.s3_client().put_object(
        Bucket=connections.LANDING_BUCKET, Key=key, Body=text.encode() if data is None else data
    )
    return key


def run(day: str, run_id: str | None = None) -> dict[str, TableOutcome]:
    """{file, or entity where no file: its outcome} of a run."""
    outcomes = extract_landing("stripe", Batch.of(day, run_id or f"run {day}"))
    return {outcome.file or outcome.entity: outcome for outcome in outcomes}


def bronze(day: str | None = None) -> list[tuple[str, int, str, int]]:
    """(id, amount, _file, _line) of a batch's payouts, or of all batches, in order."""
    where = f"where _batch = date '{day}'" if day else ""
    return connections.query(
        f"select id, amount, _file, _line from lake.bronze.stripe__payouts {where} order by _file, _line"
    )


def quarantine() -> list[tuple[str, str, int | None, str]]:
    """(batch, file, line, reason_code) of all lines put aside, in order."""
    return connections.query(
        "select cast(_batch as varchar), file, line, reason_code from lake.bronze.quarantine order by 1, 2, 3, 4"
    )


def recorded(day: str) -> list[tuple[str | None, str]]:
    """(file, status) that lake.ops holds of a batch's payouts, in order."""
    return connections.query(
        "select file, status from lake.ops.table_outcomes "
        f"where entity = 'payouts' and batch = date '{day}' order by recorded_at, file"
    )


def many(count: int) -> list[dict]:
    return [payout(number) for number in range(1, count + 1)]


def test_a_delivery_becomes_a_batch_and_bad_lines_are_put_aside(lake: None) -> None:
    good = deliver(f"payouts/{DAY_1}/a.jsonl", *many(30), "broken", payout(31, currency="xxx"), *many(40)[31:])
    outcome = run(DAY_1)[good]
    assert (outcome.status, outcome.rows_seen, outcome.rows_kept, outcome.rows_quarantined) == ("loaded", 41, 39, 2)
    assert outcome.reason == "in quarantine: 1 malformed_line, 1 unknown_currency"
    assert outcome.sha256 and outcome.bytes > 0
    assert [(row[0], row[3]) for row in bronze(DAY_1)] == [
        *((f"po_{n}", n) for n in range(1, 31)),
        *((f"po_{n}", n + 1) for n in range(32, 41)),
    ]
    assert quarantine() == [(DAY_1, good, 31, "malformed_line"), (DAY_1, good, 32, "unknown_currency")]
    assert recorded(DAY_1) == [(good, "loaded")]
    assert connections.query("select raw, run_id, source, entity from lake.bronze.quarantine where line = 31") == [
        ("broken", f"run {DAY_1}", "stripe", "payouts")
    ]


def test_a_rerun_replaces_the_batch_and_its_quarantine(lake: None) -> None:
    file = deliver(f"payouts/{DAY_1}/a.jsonl", *many(30), "broken")
    run(DAY_1)
    first, (before,) = bronze(), connections.query("select max(_extracted_at) from lake.bronze.stripe__payouts")
    late = deliver(f"payouts/{DAY_1}/b.jsonl", payout(50))
    again = run(DAY_1, "again")
    assert bronze() == [*first, ("po_50", 5000, late, 1)]
    assert quarantine() == [(DAY_1, file, 31, "malformed_line")]
    assert again[file].status == again[late].status == "loaded"
    assert connections.query("select min(_extracted_at) from lake.bronze.stripe__payouts")[0] > before


def test_a_batch_takes_what_no_other_batch_has_taken(lake: None) -> None:
    first = deliver(f"payouts/{DAY_1}/a.jsonl", payout(1))
    late = deliver(f"payouts/{DAY_1}/late.jsonl", payout(2))
    ahead = deliver(f"payouts/{DAY_3}/c.jsonl", payout(3))
    run(DAY_2)
    assert [row[2] for row in bronze(DAY_2)] == [first, late]
    again = deliver(f"payouts/{DAY_3}/renamed.jsonl", payout(1))
    outcomes = run(DAY_3)
    assert [row[2] for row in bronze(DAY_3)] == [ahead]
    assert outcomes.keys() >= {ahead, again}
    assert first not in outcomes
    assert outcomes[again].status == "skipped"
    assert outcomes[again].reason == f"the same bytes as {first}, which batch {DAY_2} took"
    # An earlier day that is run afterwards finds nothing left, and says so.
    assert run(DAY_1)["payouts"].reason == "no delivery"
    assert [row[2] for row in bronze()] == [first, late, ahead]
    assert run(DAY_2)[first].status == "loaded"


def test_the_same_bytes_twice_in_a_batch_are_one_delivery(lake: None) -> None:
    first = deliver(f"payouts/{DAY_1}/a.jsonl", payout(1))
    second = deliver(f"payouts/{DAY_1}/b.jsonl", payout(1))
    outcomes = run(DAY_1)
    assert (outcomes[first].status, outcomes[second].status) == ("loaded", "skipped")
    assert outcomes[second].reason == f"the same bytes as {first}"
    assert bronze() == [("po_1", 100, first, 1)]


def test_a_file_replaced_after_it_was_taken_is_a_new_delivery(lake: None) -> None:
    file = deliver(f"payouts/{DAY_1}/a.jsonl", payout(1))
    run(DAY_1)
    deliver(f"payouts/{DAY_1}/a.jsonl", payout(1, amount=7))
    outcomes = run(DAY_2)
    assert outcomes[file].status == "loaded"
    assert bronze(DAY_2) == [("po_1", 7, file, 1)]


def test_no_delivery_is_said_and_the_run_goes_on(lake: None) -> None:
    outcomes = run(DAY_1)
    assert {(entity, outcome.status, outcome.reason) for entity, outcome in outcomes.items()} == {
        (table.name, "skipped", "no delivery") for table in load_source("stripe").tables
    }
    assert bronze() == []


def test_an_empty_file_is_said_and_the_run_goes_on(lake: None) -> None:
    file = deliver(f"payouts/{DAY_1}/a.jsonl", data=b"")
    assert (run(DAY_1)[file].status, run(DAY_1)[file].reason) == ("skipped", "empty: it holds no rows")
    assert file not in run(DAY_2)


def test_refused_files_stop_their_tables_only_and_are_recorded(lake: None) -> None:
    good = deliver(f"payouts/{DAY_1}/0.jsonl", payout(1))
    bad = {
        deliver(f"payouts/{DAY_1}/1.jsonl.gz", data=gzip.compress(b'{"id": "po_2"}')[:-9]): "truncated",
        deliver(f"payouts/{DAY_1}/2.csv", data=b'{"id": "po_3"}'): "not_as_named",
        deliver(f"charges/{DAY_1}/3.csv", data=b"ch_1,100,usd\n"): "missing_header",
        deliver(f"balance_transactions/{DAY_1}/4.csv", data=b"id,amount,currency,status\n"): "missing_column",
    }
    refund = {"id": "re_1", "status": "succeeded", "currency": "usd", "amount": 1, "created": 0}
    other = deliver(f"refunds/{DAY_1}/r.jsonl", refund)
    with pytest.raises(LandingError) as error:
        run(DAY_1)
    assert [line.split(": ")[0] for line in str(error.value).split("\n")] == sorted(bad)
    assert bronze() == []
    assert connections.query("select _file from lake.bronze.stripe__refunds") == [(other,)]
    assert quarantine() == [(DAY_1, file, None, code) for file, code in sorted(bad.items())]
    payouts = [file for file in bad if "payouts" in file]
    assert set(recorded(DAY_1)) == {(file, "failed") for file in (None, good, *payouts)}
    # Once they are put right, the same day runs and everything heals.
    for file in bad:
        deliver(file.removeprefix("stripe/"), data=b"")
    run(DAY_1, "again")
    assert [row[2] for row in bronze()] == [good]
    assert quarantine() == []


def test_too_many_bad_lines_stop_the_table(lake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    file = deliver(f"payouts/{DAY_1}/a.jsonl", *many(18), "broken", "broken")
    with pytest.raises(LandingError, match=r"2 of 20 lines cannot be loaded \(2 malformed_line\), more than 5 %"):
        run(DAY_1)
    assert bronze() == []
    assert [row[1:] for row in quarantine()] == [
        (file, 19, "malformed_line"),
        (file, 20, "malformed_line"),
        (file, None, "too_many_bad_lines"),
    ]
    monkeypatch.setenv("TIEOUT_QUARANTINE_LIMIT_PERCENT", "10")
    get_settings.cache_clear()
    try:
        assert run(DAY_1)[file].rows_kept == 18
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()


def test_a_failed_batch_keeps_what_it_held(lake: None) -> None:
    first = deliver(f"payouts/{DAY_1}/a.jsonl", payout(1))
    run(DAY_1)
    deliver(f"payouts/{DAY_1}/b.csv", data=b"nonsense\n")
    with pytest.raises(LandingError):
        run(DAY_1)
    assert [row[2] for row in bronze()] == [first]
    # Its file is still its own: another batch does not take it as well.
    assert first not in run_failing(DAY_2)


def run_failing(day: str) -> str:
    with pytest.raises(LandingError) as error:
        run(day)
    return str(error.value)


def test_the_same_id_with_other_content_is_a_conflict_with_a_row(lake: None) -> None:
    a = deliver(f"payouts/{DAY_1}/a.jsonl", payout(1), payout(2), payout(2), payout(3, amount=1))
    b = deliver(f"payouts/{DAY_1}/b.jsonl", payout(1, amount=5), payout(3), payout(4), payout(4, object="payout"))
    outcomes = run(DAY_1)
    assert len(bronze()) == 8
    assert quarantine() == [(DAY_1, a, 1, "conflicting_duplicate"), (DAY_1, a, 4, "conflicting_duplicate")]
    (row,) = connections.query("select reason, raw from lake.bronze.quarantine where line = 1")
    assert row[0] == f"id po_1 was delivered again with other content in {b} line 1, which was taken"
    assert json.loads(row[1])["amount"] == "100"
    assert (outcomes[a].rows_seen, outcomes[a].rows_kept, outcomes[a].rows_quarantined) == (4, 4, 2)
    assert outcomes[a].reason == (
        "in quarantine: 2 conflicting_duplicate; rows that repeat another one's key and content: 1"
    )
    assert outcomes[b].reason == (
        "rows that repeat another one's key and content: 1; columns not described, kept in _rest: object"
    )
    run(DAY_1, "again")
    assert len(quarantine()) == 2


def test_what_is_no_delivery_is_said_once(lake: None) -> None:
    strays = [
        deliver(f"payouts/{DAY_1}/notes.txt", data=b"x"),
        deliver("payouts/latest.jsonl", payout(1)),
        deliver(f"payouts/{DAY_1}/deep/a.jsonl", payout(1)),
        deliver(f"nonsense/{DAY_1}/a.jsonl", payout(1)),
    ]
    outcomes = run(DAY_1)
    assert {outcomes[file].status for file in strays} == {"skipped"}
    assert "describes no table nonsense" in outcomes[strays[3]].reason
    assert not set(strays) & run(DAY_2).keys()


def test_a_file_that_changes_while_it_is_read_writes_nothing(lake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(f"payouts/{DAY_1}/a.jsonl", payout(1))
    read_file = landing.read_file

    def replaced_meanwhile(*arguments: object) -> Iterator[object]:
        yield from read_file(*arguments)
        deliver(f"payouts/{DAY_1}/a.jsonl", payout(2))

    monkeypatch.setattr(landing, "read_file", replaced_meanwhile)
    with pytest.raises(ExtractionError, match=r"a\.jsonl was replaced while it was read"):
        run(DAY_1)
    assert bronze() == []
    assert recorded(DAY_1) == [(None, "failed")]
    monkeypatch.undo()
    run(DAY_1)
    assert [row[0] for row in bronze()] == ["po_2"]


def test_a_crash_after_the_commit_loses_and_doubles_nothing(lake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    file = deliver(f"payouts/{DAY_1}/a.jsonl", payout(1))

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(landing, "record_conflicts", crash)
    with pytest.raises(KeyboardInterrupt):
        run(DAY_1)
    monkeypatch.undo()
    run(DAY_1)
    assert bronze() == [("po_1", 100, file, 1)]
    assert recorded(DAY_1)[-1] == (file, "loaded")


def test_extraction_times_go_forward_though_the_clock_goes_back(lake: None) -> None:
    deliver(f"payouts/{DAY_1}/a.jsonl", payout(1))
    run(DAY_1)
    ((newest,),) = connections.query("select max(_extracted_at) from lake.bronze.stripe__payouts")
    before = landing.read_before(load_source("stripe"), Batch.of(DAY_1, "again"))
    assert before.in_bronze == {"payouts"}
    assert before.next_extraction(newest.replace(year=2020)) > newest


def test_only_landing_sources_are_delivered_in_files() -> None:
    with pytest.raises(ConfigError, match="app_db is of kind postgres"):
        extract_landing("app_db", Batch.of(date(2026, 11, 20), "run"))


def test_hashes_are_of_the_bytes(lake: None) -> None:
    deliver(f"payouts/{DAY_1}/a.jsonl", data=b"abc")
    (found,) = deliveries.list_deliveries(load_source("stripe"), Batch.of(DAY_1, "run"))["payouts"]
    assert found.sha256() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
