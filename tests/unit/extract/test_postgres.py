"""What an extraction tells of a table, and how rows are asked for again by their keys."""

from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace

import pyarrow as pa
import pytest

from tieout.batch import Batch
from tieout.errors import ExtractionError
from tieout.extract import postgres
from tieout.extract.snapshot import Snapshot
from tieout.sources import load_table

BATCH = Batch.of("2026-11-20", "run")
SNAPSHOT = Snapshot("snapshot", datetime(2026, 11, 21, 2, tzinfo=UTC))


def test_of_a_table_that_could_not_be_read_nothing_counts_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pa.record_batch({"id": ["a", "b"]})

    def broken_off(*_):
        yield rows
        raise ExtractionError("Postgres ended the read")

    writer = SimpleNamespace(last_extraction_before=lambda day: None, write=lambda rows, op="upsert": None)
    monkeypatch.setattr(postgres, "check", lambda table, found: ())
    monkeypatch.setattr(postgres, "BatchWriter", lambda *_, **__: nullcontext(writer))
    monkeypatch.setattr(postgres, "copy", lambda *_: [rows])
    monkeypatch.setattr(postgres, "deleted_keys", broken_off)
    outcome, totals, failure = postgres._extract_table(
        load_table("app_db", "customers"), None, BATCH, SNAPSHOT, repaired=(), whole=True
    )
    assert isinstance(failure, ExtractionError)
    assert (outcome.status, outcome.reason, totals) == ("failed", "app_db.customers: Postgres ended the read", [])
    assert (outcome.rows_seen, outcome.rows_kept, outcome.rows_deleted) == (0, 0, 0)


def test_keys_are_asked_for_in_conditions_of_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_CONDITION_BYTES", 60)
    table = load_table("app_db", "customers")
    assert list(postgres._key_conditions(table, [("a",), ("it's",), ("c",)])) == [
        "(\"id\") in (values (cast('a' as uuid)), (cast('it''s' as uuid)))",
        "(\"id\") in (values (cast('c' as uuid)))",
    ]
    assert list(postgres._key_conditions(table, [])) == []
