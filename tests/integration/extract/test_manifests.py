"""Deliveries with a manifest, on the real parts: what is held against it, and what is said and kept when it differs."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.integration.extract.test_landing import bronze, deliver, empty_lake, lake, many, payout, quarantine, run

from tieout import connections
from tieout.errors import LandingError
from tieout.extract.manifests import manifest_text

pytestmark = pytest.mark.integration

__all__ = ["empty_lake", "lake"]  # fixtures

DAY_1, DAY_2 = "2026-11-18", "2026-11-19"
FOLDER = f"payouts/{DAY_1}"
MANIFEST = f"{FOLDER}/any.manifest.json"


def parquet(*rows: dict) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), buffer)
    return buffer.getvalue()


def entry(data: bytes, rows: int, **more: object) -> dict:
    return {"rows": rows, "sha256": hashlib.sha256(data).hexdigest(), **more}


COLUMNS = {
    "id": "string",
    "amount": "int64",
    "currency": "string",
    "status": "string",
    "arrival_date": "int64",
    "created": "int64",
}


def put_manifest(key: str = MANIFEST, **files: dict) -> str:
    return deliver(key, data=manifest_text({name.replace("__", "."): said for name, said in files.items()}).encode())


def said_of(file: str, day: str = DAY_1) -> tuple[str, str]:
    """(status, reason) of a file's newest outcome."""
    [row] = connections.query(
        "select max_by(status, recorded_at), max_by(reason, recorded_at) from lake.ops.table_outcomes "
        f"where file = '{file}' and batch = date '{day}'"
    )
    return row


def refused(code: str, file: str, *said: str) -> None:
    """The run writes nothing to Bronze, names the file and why, and keeps that as outcome and in quarantine."""
    with pytest.raises(LandingError) as error:
        run(DAY_1)
    assert file in str(error.value)
    assert bronze() == []
    assert (DAY_1, file, None, code) in quarantine()
    status, reason = said_of(file)
    assert status == "failed"
    for words in said:
        assert words in str(error.value) and words in reason


@pytest.fixture
def files(lake: None) -> dict[str, bytes]:
    """Two files as they are delivered: Parquet with three rows, JSON lines with two."""
    return {
        "a.parquet": parquet(*many(3)),
        "b.jsonl": "".join(json.dumps(payout(n)) + "\n" for n in (4, 5)).encode(),
    }


def test_what_is_as_listed_is_loaded_and_said(files: dict[str, bytes]) -> None:
    a, b = (deliver(f"{FOLDER}/{name}", data=data) for name, data in files.items())
    manifest = put_manifest(
        a__parquet=entry(files["a.parquet"], 3, columns=COLUMNS), b__jsonl=entry(files["b.jsonl"], 2)
    )
    outcomes = run(DAY_1)
    assert (outcomes[a].status, outcomes[b].status) == ("loaded", "loaded")
    assert outcomes[manifest].status == "skipped"
    assert outcomes[manifest].reason == "manifest: its 2 files are there as it lists them"
    assert [row[0] for row in bronze()] == [f"po_{n}" for n in range(1, 6)]
    assert quarantine() == []
    # What a batch has judged is settled; a rerun of the batch judges it again.
    assert manifest not in run(DAY_2)
    assert run(DAY_1)[manifest].status == "skipped"
    assert len(bronze()) == 5


def test_other_bytes_than_listed_stop_the_table(files: dict[str, bytes]) -> None:
    file = deliver(f"{FOLDER}/a.parquet", data=files["a.parquet"])
    sha256 = hashlib.sha256(b"other").hexdigest()
    manifest = put_manifest(a__parquet={"rows": 3, "sha256": sha256})
    refused("hash_differs", file, sha256, manifest)
    # Nothing of an earlier, good state of the day is lost by it either.
    put_manifest(a__parquet=entry(files["a.parquet"], 3))
    run(DAY_1)
    assert len(bronze()) == 3
    put_manifest(a__parquet={"rows": 3, "sha256": sha256})
    with pytest.raises(LandingError):
        run(DAY_1)
    assert len(bronze()) == 3


@pytest.mark.parametrize(("name", "rows"), [("a.parquet", 4), ("b.jsonl", 1)])
def test_another_number_of_rows_than_listed_stops_the_table(files: dict[str, bytes], name: str, rows: int) -> None:
    file = deliver(f"{FOLDER}/{name}", data=files[name])
    put_manifest(**{name.replace(".", "__"): entry(files[name], rows)})
    refused("rows_differ", file, f"says {rows}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"amount": "int32"}, "amount: listed int32, found int64", id="type"),
        pytest.param({"fee": "int64"}, "fee: listed int64, found nowhere", id="missing"),
        pytest.param({"status": None}, "status: listed nowhere, found string", id="unlisted"),
    ],
)
def test_other_columns_than_listed_stop_the_table(files: dict[str, bytes], change: dict, said: str) -> None:
    file = deliver(f"{FOLDER}/a.parquet", data=files["a.parquet"])
    columns = {name: type_ for name, type_ in (COLUMNS | change).items() if type_}
    put_manifest(a__parquet=entry(files["a.parquet"], 3, columns=columns))
    refused("columns_differ", file, said)


def test_a_listed_file_that_is_not_there_stops_the_table(files: dict[str, bytes]) -> None:
    deliver(f"{FOLDER}/a.parquet", data=files["a.parquet"])
    put_manifest(a__parquet=entry(files["a.parquet"], 3), b__jsonl=entry(files["b.jsonl"], 2))
    refused("file_missing", f"stripe/{FOLDER}/b.jsonl", "lists it, and it is not there")
    # Once it has come, the day runs, and the quarantine is empty again.
    deliver(f"{FOLDER}/b.jsonl", data=files["b.jsonl"])
    run(DAY_1)
    assert len(bronze()) == 5
    assert quarantine() == []


def test_a_manifest_without_any_of_its_files_stops_the_table(files: dict[str, bytes]) -> None:
    put_manifest(a__parquet=entry(files["a.parquet"], 3))
    refused("file_missing", f"stripe/{FOLDER}/a.parquet")


def test_a_file_that_is_not_listed_stops_the_table(files: dict[str, bytes]) -> None:
    deliver(f"{FOLDER}/a.parquet", data=files["a.parquet"])
    extra = deliver(f"{FOLDER}/b.jsonl", data=files["b.jsonl"])
    put_manifest(a__parquet=entry(files["a.parquet"], 3))
    refused("file_unlisted", extra, "whose manifest does not list it")
    # Another manifest may list it; a second one of the same file may not.
    put_manifest(f"{FOLDER}/more.manifest.json", b__jsonl=entry(files["b.jsonl"], 2))
    run(DAY_1)
    assert len(bronze()) == 5


def test_a_file_that_comes_late_into_a_judged_folder_stops_the_table(files: dict[str, bytes]) -> None:
    deliver(f"{FOLDER}/a.parquet", data=files["a.parquet"])
    put_manifest(a__parquet=entry(files["a.parquet"], 3))
    run(DAY_1)
    late = deliver(f"{FOLDER}/b.jsonl", data=files["b.jsonl"])
    with pytest.raises(LandingError, match="does not list it"):
        run(DAY_2)
    assert (DAY_2, late, None, "file_unlisted") in quarantine()
    assert len(bronze()) == 3


def test_a_manifest_that_comes_late_is_held_against_what_was_taken(files: dict[str, bytes]) -> None:
    file = deliver(f"{FOLDER}/a.parquet", data=files["a.parquet"])
    run(DAY_1)
    put_manifest(a__parquet={"rows": 3, "sha256": "0" * 64})
    with pytest.raises(LandingError, match="its sha256 is"):
        run(DAY_2)
    assert (DAY_2, file, None, "hash_differs") in quarantine()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("{", "it is no JSON", id="no JSON"),
        pytest.param('{"files": {}}', "no object `files`", id="empty"),
        pytest.param('{"files": {"a.parquet": {"rows": 3}}}', "sha256", id="no hash"),
        pytest.param('{"files": {"../a.parquet": {"rows": 3}}}', "its own folder", id="another folder"),
        pytest.param('{"files": {"a.parquet": {"row": 3}}}', "'row' is none of", id="unknown member"),
    ],
)
def test_a_manifest_that_cannot_be_read_stops_the_table(files: dict[str, bytes], text: str, said: str) -> None:
    deliver(f"{FOLDER}/a.parquet", data=files["a.parquet"])
    manifest = deliver(MANIFEST, data=text.encode())
    refused("manifest_unreadable", manifest, said)


def test_other_tables_and_folders_without_a_manifest_go_on(files: dict[str, bytes]) -> None:
    put_manifest(a__parquet=entry(files["a.parquet"], 3))
    created = int(datetime(2026, 11, 18, tzinfo=UTC).timestamp())
    refund = {"id": "re_1", "status": "succeeded", "currency": "usd", "amount": 1, "created": created}
    other = deliver(f"refunds/{DAY_1}/r.jsonl", refund)
    with pytest.raises(LandingError):
        run(DAY_1)
    assert connections.query("select _file from lake.bronze.stripe__refunds") == [(other,)]
    deliver(f"{FOLDER}/a.parquet", data=files["a.parquet"])
    deliver(f"payouts/{DAY_2}/free.jsonl", payout(9))
    run(DAY_2)
    assert [row[0] for row in bronze()] == ["po_1", "po_2", "po_3", "po_9"]
