"""Manifests: what is read of them, and what of a folder is open to be verified."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from tieout.extract.deliveries import Delivery, Taken, choose
from tieout.extract.faults import UnreadableFile
from tieout.extract.manifests import Listed, Verified, manifest_text, unfinished_text, verify

NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
FOLDER = "stripe/payouts/2026-11-20/"
MANIFEST = f"{FOLDER}x.manifest.json"


@dataclass(frozen=True)
class Fake(Delivery):
    """An object whose bytes are its text."""

    text: str = ""

    def open(self) -> io.BytesIO:
        return io.BytesIO(self.text.encode())


def put(file: str, text: str, problem: str | None = None) -> Fake:
    return Fake(file, "payouts", len(text), "etag", NOW - timedelta(hours=1), problem, text)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def entry(text: str, **changes: object) -> dict:
    return {"rows": 1, "sha256": sha(text), **changes}


def manifest(files: dict, file: str = MANIFEST) -> Fake:
    return put(file, manifest_text(files))


def taken(delivery: Fake) -> Taken:
    return Taken(delivery.file, "payouts", True, sha(delivery.text), len(delivery.text), date(2026, 11, 19), NOW)


def verified(files: list[Fake], manifests: list[Fake], others: tuple[Taken, ...] = ()) -> Verified:
    return verify(files, manifests, choose(files, others), others)


def wrong(found: Verified) -> dict[str, str]:
    return {file.removeprefix(FOLDER): error.code for file, error in found.wrong.items()}


def test_a_folder_as_listed_has_nothing_wrong() -> None:
    a = put(f"{FOLDER}a.csv", "1")
    said = manifest({"a.csv": entry("1")})
    found = verified([a], [said])
    assert wrong(found) == {}
    assert found.listed == {a.file: Listed(MANIFEST, 1, sha("1"), None)}
    assert [chosen.delivery for chosen in found.judged] == [said]


def test_a_folder_that_other_batches_have_judged_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    a, said = put(f"{FOLDER}a.csv", "1"), manifest({"a.csv": entry("1")})

    def opened(_: Delivery) -> io.BytesIO:
        raise AssertionError("it was read")

    monkeypatch.setattr(Fake, "open", opened)
    assert verified([a], [said], (taken(a), taken(said))) == Verified()


def test_a_file_that_was_delivered_anew_is_held_against_its_manifest_as_it_is() -> None:
    a, said = put(f"{FOLDER}a.csv", "2"), manifest({"a.csv": entry("2")})
    newer = taken(a)
    older = replace(newer, sha256=sha("1"), recorded_at=newer.recorded_at - timedelta(days=1))
    for others in ((older, newer), (newer, older)):
        assert wrong(verified([a], [said], others)) == {}


def test_everything_that_is_wrong_is_said_at_once() -> None:
    files = [put(f"{FOLDER}{name}.csv", name) for name in "abc"]
    found = verified(files, [manifest({"a.csv": entry("other"), "b.csv": entry("b"), "d.csv": entry("d")})])
    assert wrong(found) == {"a.csv": "hash_differs", "c.csv": "file_unlisted", "d.csv": "file_missing"}


def test_what_is_no_delivery_need_not_be_listed_and_cannot_be() -> None:
    readme = put(f"{FOLDER}README.txt", "hello", problem="its name ends on none of …")
    a = put(f"{FOLDER}a.csv", "1")
    assert wrong(verified([a, readme], [manifest({"a.csv": entry("1")})])) == {}
    listed = manifest({"a.csv": entry("1"), "README.txt": entry("hello")})
    assert wrong(verified([a, readme], [listed])) == {"README.txt": "not_as_named"}


def test_a_file_in_two_manifests_is_in_neither() -> None:
    a = put(f"{FOLDER}a.csv", "1")
    twice = [manifest({"a.csv": entry("1")}), manifest({"a.csv": entry("1", rows=2)}, f"{FOLDER}y.manifest.json")]
    assert wrong(verified([a], twice)) == {"y.manifest.json": "manifest_unreadable"}


def test_other_folders_do_not_matter() -> None:
    other = put("stripe/payouts/2026-11-19/a.csv", "1")
    a = put(f"{FOLDER}a.csv", "2")
    assert wrong(verified([other, a], [manifest({"a.csv": entry("2")})])) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[]", "no object `files`", id="list"),
        pytest.param('{"files": {"a.csv": {}, "a.csv": {}}}', "names a member twice", id="twice"),
        pytest.param(json.dumps({"files": {"a.csv": 1}}), "expected an object", id="number"),
        pytest.param(json.dumps({"files": {"a.csv": entry("1", rows=-1)}}), "rows is no", id="negative"),
        pytest.param(json.dumps({"files": {"a.csv": entry("1", rows=True)}}), "rows is no", id="boolean"),
        pytest.param(json.dumps({"files": {"a.csv": entry("1", sha256="ab")}}), "64 hexadecimal", id="short hash"),
        pytest.param(json.dumps({"files": {"a.csv": entry("1", columns={})}}), "Parquet alone", id="CSV columns"),
        pytest.param(json.dumps({"files": {"a.parquet": entry("1", columns=["id"])}}), "names and", id="no types"),
        pytest.param("\xff", "no JSON", id="no text"),
    ],
)
def test_what_is_no_manifest_is_said(text: str, said: str) -> None:
    found = verified([put(f"{FOLDER}a.csv", "1")], [put(MANIFEST, text)])
    assert found.wrong[MANIFEST].code == "manifest_unreadable"
    assert said in str(found.wrong[MANIFEST])


def test_an_unfinished_folder_is_held_back_whole() -> None:
    found = verified([put(f"{FOLDER}a.csv", "1")], [put(MANIFEST, unfinished_text("send the rest"))])
    assert {file: (error.code, str(error)[-13:]) for file, error in found.wrong.items()} == {
        MANIFEST: ("unfinished", "send the rest")
    }


def test_columns_are_compared_by_name_and_type_in_any_order() -> None:
    listed = Listed(MANIFEST, 1, "", {"b": "decimal128(19, 4)", "a": "string"})
    listed.check_columns(pa.schema({"a": pa.string(), "b": pa.decimal128(19, 4)}))
    with pytest.raises(UnreadableFile, match=r"b: listed decimal128\(19, 4\), found double"):
        listed.check_columns(pa.schema({"a": pa.string(), "b": pa.float64()}))
    Listed(MANIFEST, 1, "", None).check_columns(pa.schema({"whatever": pa.null()}))
