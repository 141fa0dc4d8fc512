"""What lies in landing after a reconciliation was delivered, and after it was interrupted, as a run would judge it."""

from __future__ import annotations

import io
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tieout.extract.deliveries import MANIFEST_SUFFIX, Delivery, choose
from tieout.extract.manifests import verify
from tieout.generate import reconciliation_delivery
from tieout.generate.reconciliation import ENTITIES, Company, Faults, Request
from tieout.generate.reconciliation_delivery import deliver
from tieout.generate.target import Target

DAY = date(2026, 10, 31)
ASKED = Request(90, 30, 5, DAY, Faults(missing=4))
COMPANY = Company("0192e53c-7e80-7036-bb87-584a2573123c", "One Inc.", "US", 1, 0, (0, 1))


class Bucket:
    """An S3 client with one bucket. breaks_at: the number of the put that is interrupted, None for none."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.breaks_at: int | None = None
        self._puts = 0

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:
        self._puts += 1
        if self._puts == self.breaks_at:
            raise KeyboardInterrupt
        self.objects[Key] = Body

    def delete_objects(self, Bucket: str, Delete: dict[str, Any]) -> None:
        for item in Delete["Objects"]:
            del self.objects[item["Key"]]

    def get_paginator(self, _: str) -> Bucket:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:
        return [{"Contents": [{"Key": key} for key in self.objects if key.startswith(Prefix)]}]

    def interrupted_at(self, put: int) -> Bucket:
        self._puts, self.breaks_at = 0, put
        return self


@dataclass(frozen=True)
class Held(Delivery):
    body: bytes = b""

    def open(self) -> io.BytesIO:
        return io.BytesIO(self.body)


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setattr(reconciliation_delivery, "_companies", lambda *_: [COMPANY])
    return Target(nullcontext, Bucket(), "landing", tmp_path)


def wrong(bucket: Bucket, entity: str) -> set[str]:
    """The codes of what a run would refuse of a table, which then loads nothing."""
    at = datetime(2026, 11, 1, tzinfo=UTC)
    held = [
        Held(key, entity.split("/")[1], len(body), "etag", at, None, body)
        for key, body in bucket.objects.items()
        if key.startswith(f"{entity}/")
    ]
    files = [delivery for delivery in held if not delivery.is_manifest]
    manifests = [delivery for delivery in held if delivery.is_manifest]
    return {error.code for error in verify(files, manifests, choose(files, ()), ()).wrong.values()}


def test_a_delivery_is_as_its_manifests_say(target: Target) -> None:
    done = deliver(ASKED, target)
    objects = target.s3.objects
    assert sum(done.files.values()) == sum(not key.endswith(MANIFEST_SUFFIX) for key in objects)
    assert {entity: wrong(target.s3, entity) for entity in ENTITIES} == {entity: set() for entity in ENTITIES}
    # no manifest of a folder without files is left
    assert {key.rsplit("/", 2)[0] for key in objects} == set(done.files)


@pytest.mark.parametrize("again", [False, True], ids=["first", "in place of an earlier one"])
def test_no_part_of_an_interrupted_delivery_passes_for_whole(target: Target, again: bool) -> None:
    bucket = target.s3
    whole = dict(deliver(ASKED, target).files)
    objects = dict(bucket.objects)
    manifests = [f"{entity}/{DAY}/reconciliation-5{MANIFEST_SUFFIX}" for entity in ENTITIES]
    for put in range(1, len(ENTITIES) + sum(whole.values()) + len(whole) + 1):
        bucket.objects = dict(objects) if again else {}
        with pytest.raises(KeyboardInterrupt):
            deliver(ASKED, Target(target.connect, bucket.interrupted_at(put), "landing", target.truth))
        for entity, manifest in zip(ENTITIES, manifests, strict=True):
            left = {key: body for key, body in bucket.objects.items() if key.startswith(f"{entity}/")}
            is_whole = left == {key: body for key, body in objects.items() if key.startswith(f"{entity}/")}
            assert is_whole or manifest in left or not left
            assert wrong(bucket, entity) == (set() if is_whole or not left else {"unfinished"})

    bucket.breaks_at = None
    deliver(ASKED, target)
    assert bucket.objects == objects
