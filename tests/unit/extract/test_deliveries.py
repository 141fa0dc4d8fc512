"""Which files a batch takes: what no other batch has taken, and the same bytes once."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from tieout import connections
from tieout.batch import Batch
from tieout.errors import ExtractionError
from tieout.extract import deliveries
from tieout.extract.deliveries import Delivery, Taken, check_unchanged, choose, list_deliveries
from tieout.sources import load_source

NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Fake(Delivery):
    """A delivery whose bytes are its text."""

    text: str = ""

    def sha256(self) -> str:
        return f"sha of {self.text}"


def delivery(name: str, text: str, changed_at: datetime = NOW) -> Fake:
    return Fake(name, "payouts", len(text), "etag", changed_at, text=text)


def taken(name: str, text: str, loaded: bool = True, recorded_at: datetime = NOW) -> Taken:
    return Taken(name, "payouts", loaded, f"sha of {text}", len(text), date(2026, 11, 18), recorded_at)


def outcome(files: list[Delivery], *others: Taken) -> list[tuple[str, str | None]]:
    return [(chosen.delivery.file, chosen.skip) for chosen in choose(files, others)]


def test_what_another_batch_took_is_left_out_without_a_word() -> None:
    assert outcome([delivery("a", "1"), delivery("b", "2")], taken("a", "1")) == [("b", None)]


def test_a_file_that_was_replaced_since_is_taken() -> None:
    assert outcome([delivery("a", "2")], taken("a", "1")) == [("a", None)]


def test_of_a_file_that_two_batches_took_the_newer_outcome_counts() -> None:
    first, second = taken("a", "1", recorded_at=NOW - timedelta(days=1)), taken("a", "2")
    for others in ((first, second), (second, first)):
        assert outcome([delivery("a", "2", NOW - timedelta(hours=1))], *others) == []


def test_the_same_bytes_under_another_name_are_skipped_with_a_reason() -> None:
    assert outcome([delivery("b", "1"), delivery("c", "2"), delivery("d", "2")], taken("a", "1")) == [
        ("b", "the same bytes as a, which batch 2026-11-18 took"),
        ("c", None),
        ("d", "the same bytes as c"),
    ]


def test_bytes_that_another_batch_only_skipped_are_taken_under_another_name() -> None:
    assert outcome([delivery("b", "1")], taken("a", "1", loaded=False)) == [("b", None)]


def test_an_old_file_is_not_read_again_to_know_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_again(_: Delivery) -> str:
        raise AssertionError("it was hashed")

    monkeypatch.setattr(Fake, "sha256", read_again)
    assert outcome([delivery("a", "1", NOW - timedelta(hours=1))], taken("a", "1")) == []
    with pytest.raises(AssertionError):
        outcome([delivery("a", "1", NOW)], taken("a", "1"))


def test_a_stray_is_said_once_and_taken_once_its_table_is_described() -> None:
    stray = Delivery("a", "disputes", 1, "etag", NOW, problem="config describes no table disputes")
    assert outcome([stray]) == [("a", stray.problem)]
    said = Taken("a", "disputes", False, None, 1, date(2026, 11, 18), NOW)
    assert outcome([stray], said) == []
    assert outcome([delivery("a", "1", NOW - timedelta(days=1))], said) == [("a", None)]


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("123")), max_size=8))
def test_no_bytes_are_ever_taken_twice_or_left_to_nobody(files: list[tuple[str, str]]) -> None:
    present = [delivery(name, text) for name, text in sorted(dict(files).items())]
    first = choose(present[::2], [])
    held = [taken(c.delivery.file, c.delivery.text, c.skip is None) for c in first]
    second = choose(present, held)
    read = [c.delivery.text for c in [*first, *second] if c.skip is None]
    assert len(read) == len(set(read))
    assert set(read) == {d.text for d in present}


def test_places_and_names_that_are_no_deliveries(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {
        "stripe/payouts/2026-11-20/a.jsonl": None,
        "stripe/payouts/2026-11-19/b.CSV.GZ": None,
        "stripe/payouts/2026-11-21/later.jsonl": "not listed",
        "stripe/payouts/2026-11-20/a.xlsx": "ends on none of",
        "stripe/payouts/20261120/a.jsonl": "its place is not",
        "stripe/payouts/2026-11-31/a.jsonl": "its place is not",
        "stripe/payouts/2026-W47-5/a.jsonl": "its place is not",
        "stripe/payouts/a.jsonl": "its place is not",
        "stripe/readme.jsonl": "describes no table readme.jsonl",
        "stripe/coupons/2026-11-20/a.jsonl": "describes no table coupons",
    }
    objects = [{"Key": key, "Size": 1, "ETag": "e", "LastModified": NOW} for key in keys]
    monkeypatch.setattr(deliveries, "landed_objects", lambda prefix: iter(objects))
    listed = list_deliveries(load_source("stripe"), Batch.of("2026-11-20", "run"))
    found = {d.file: d.problem for files in listed.values() for d in files}
    assert found.keys() == {key for key, problem in keys.items() if problem != "not listed"}
    for file, problem in found.items():
        assert (keys[file] is None) == (problem is None)
        assert (keys[file] or "") in (problem or "")


@pytest.mark.parametrize(("etag", "said"), [("other", "was replaced"), (None, "was taken away")])
def test_what_went_while_it_was_read_is_named(monkeypatch: pytest.MonkeyPatch, etag: str | None, said: str) -> None:
    class S3:
        def head_object(self, **_: str) -> dict[str, str]:
            if etag is None:
                raise ClientError({"ResponseMetadata": {"HTTPStatusCode": 404}}, "HeadObject")
            return {"ETag": etag}

    monkeypatch.setattr(connections, "s3_client", S3)
    with pytest.raises(ExtractionError, match=f"a.csv {said} while it was read: nothing was written; run again"):
        check_unchanged([delivery("a.csv", "1")])
