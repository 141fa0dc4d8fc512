"""Stripe's API to landing files, which are then read like any other delivery.

A pull of a batch has, of each table that config/sources/stripe.yml describes, the objects created within its window and
those older ones that events of the window, or their own dates, say have changed. The window ends with the batch's data
interval and starts where the pull before it ended, less an overlap. landing/stripe/<table>/<day>/api-<end>.jsonl.gz
says in its name where it ended, which is all the state there is. The first pull of a table, and one whose window starts
before Stripe's oldest event, has all objects.

Objects are written as the API sends them, in minor units, with sorted names: a pull again of a day that has ended
replaces its own file, and has the same bytes where nothing has changed. Two windows never have the same bytes, for
those would be taken for one delivery. Files land when the last table has been read to its end.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tieout import connections
from tieout.batch import Batch
from tieout.controls.literals import literal
from tieout.errors import ConfigError
from tieout.extract.deliveries import landed_objects
from tieout.extract.json_text import canonical
from tieout.extract.stripe_client import Object, StripeReader
from tieout.extract.stripe_objects import (
    BALANCE_TRANSACTIONS,
    OBJECTS,
    PAYOUT_BALANCE_TRANSACTIONS,
    PAYOUTS,
    StripeObject,
)
from tieout.settings import get_settings
from tieout.sources import load_source, load_table

log = logging.getLogger(__name__)

SOURCE = "stripe"
# Stripe keeps events for 30 days; the oldest may go while they are read.
EVENTS_KEPT = timedelta(days=30) - timedelta(hours=1)
_NAME = re.compile(r"api-(\d{8}T\d{6}Z)\.jsonl\.gz")
_STAMP = "%Y%m%dT%H%M%SZ"
_GZIP_LEVEL = 6


@dataclass(frozen=True)
class Window:
    """The half-open span that a pull covers; since is None for all objects created before until."""

    since: datetime | None
    until: datetime

    @property
    def created(self) -> dict[str, int]:
        """As the API's parameter `created`."""
        bounds = {"lt": int(self.until.timestamp())}
        return bounds if self.since is None else {"gte": int(self.since.timestamp())} | bounds


@dataclass(frozen=True)
class Pulled:
    """One table's file. reason: why it has all objects, where it does."""

    table: str
    file: str
    rows: int
    bytes: int
    window: Window
    reason: str | None

    def __str__(self) -> str:
        since = f"since {self.window.since:%Y-%m-%d %H:%M}" if self.window.since else f"whole: {self.reason}"
        until = f"until {self.window.until:%Y-%m-%d %H:%M} UTC"
        return f"{SOURCE}.{self.table}: {self.rows:,} objects {until}, {since}: {self.file}"


def is_configured() -> bool:
    """Whether there is a key to pull with."""
    return bool(get_settings().stripe_api_key.get_secret_value())


def pull(batch: Batch, now: datetime | None = None) -> list[Pulled]:
    """Land what the API has for the batch, a file a table.

    Raises ConfigError for a key that is missing, wrong or may not read, ExtractionError when Stripe cannot be read to
    the end; nothing has landed then.
    """
    now = now or datetime.now(UTC)
    if batch.interval_start >= now:
        raise ConfigError(f"the data interval of {batch} starts at {batch.interval_start}: it is yet to come")
    until = min(batch.interval_start + timedelta(days=1), now).replace(microsecond=0)
    reader = StripeReader.of_settings()
    tables = [
        table.name for table in load_source(SOURCE).tables if table.name in (*OBJECTS, PAYOUT_BALANCE_TRANSACTIONS)
    ]
    pulled = []
    with tempfile.TemporaryDirectory(prefix="tieout-stripe-") as folder:
        for table in tables:
            window, reason = window_of(table, until, now)
            path = Path(folder, table)
            rows = _write(path, _objects(reader, table, window), until)
            key = f"{SOURCE}/{table}/{batch}/api-{until:{_STAMP}}.jsonl.gz"
            pulled.append((path, Pulled(table, key, rows, path.stat().st_size, window, reason)))
        for path, result in pulled:
            _land(path, result.file)
            log.log(logging.WARNING if result.reason else logging.INFO, "%s", result)
    return [result for _, result in pulled]


def window_of(table: str, until: datetime, now: datetime) -> tuple[Window, str | None]:
    """The span that a pull up to ``until`` covers, and why it has no start where it has none."""
    last = max((end for end in _ends(table) if end < until), default=None)
    if last is None:
        return Window(None, until), "there is no earlier pull"
    since = last - timedelta(hours=get_settings().overlap_hours)
    if _kind(table).changes and since < now - EVENTS_KEPT:
        return Window(
            None, until
        ), f"the pull before ended on {last:%Y-%m-%d}, and Stripe keeps events for 30 days only"
    return Window(since, until), None


def _ends(table: str) -> Iterator[datetime]:
    """When each pull that landed of the table ended."""
    for item in landed_objects(f"{SOURCE}/{table}/"):
        if found := _NAME.fullmatch(item["Key"].rsplit("/", 1)[-1]):
            yield datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC)


def _kind(table: str) -> StripeObject:
    return OBJECTS[PAYOUTS if table == PAYOUT_BALANCE_TRANSACTIONS else table]


def _objects(reader: StripeReader, table: str, window: Window) -> Iterator[Object]:
    kind = _kind(table)
    if table == PAYOUT_BALANCE_TRANSACTIONS:
        yield from _paid_out(reader, _created_and_changed(reader, kind, window))
        return
    yield from _created_and_changed(reader, kind, window)
    if table == BALANCE_TRANSACTIONS:
        yield from _became_available(reader, kind, window)


def _created_and_changed(reader: StripeReader, kind: StripeObject, window: Window) -> Iterator[Object]:
    yield from reader.list(kind.service, created=window.created)
    if window.since is None or not kind.changes:
        return
    since = int(window.since.timestamp())
    for id_, deleted in sorted(_changes(reader, kind, window).items()):
        if deleted:
            yield deleted
            continue
        found = reader.retrieve(kind.service, id_)
        if found is None or found.get("deleted"):
            # Deleted since: that is an event of a window to come.
            log.info("Stripe has no %s %s any more", kind.name, id_)
        elif found["created"] < since:  # younger ones are in the list
            yield found


def _changes(reader: StripeReader, kind: StripeObject, window: Window) -> dict[str, Object | None]:
    """{id of an object that events of the window are about: how it was when it was deleted, None where it was not}.

    An event shows its object in the API version of the account, so that what was not deleted is read anew.
    """
    found: dict[str, Object | None] = {}
    since = int(window.since.timestamp()) if window.since else 0
    for event in reader.list("events", created=window.created, types=list(kind.changes)):
        about = event["data"]["object"]
        own = about["object"] == kind.name
        id_ = about["id"] if own else about.get(kind.name)
        if event["type"] == f"{kind.name}.deleted":
            found[id_] = {**about, "deleted": True}
        elif id_ and not (own and about["created"] >= since):
            found.setdefault(id_)
    return found


def _became_available(reader: StripeReader, kind: StripeObject, window: Window) -> Iterator[Object]:
    """Balance transactions created before the window that became available within it."""
    if window.since is None:
        return
    # Their dates never change, so that this is the same whenever the day is run.
    [[oldest]] = connections.query(
        f"select min(created) from {load_table(SOURCE, BALANCE_TRANSACTIONS).bronze} "
        f"where created < {literal(window.since)} and available_on >= {literal(window.since)}"
    )
    if oldest is None:
        return
    first, last = int(window.since.timestamp()), int(window.until.timestamp())
    for found in reader.list(kind.service, created=Window(oldest, window.since).created):
        if first <= found["available_on"] < last:
            yield found


def _paid_out(reader: StripeReader, payouts: Iterator[Object]) -> Iterator[Object]:
    """A row per balance transaction of each automatic payout, paid or failed, of which Stripe has the whole list."""
    for payout in payouts:
        if payout["automatic"] and payout["reconciliation_status"] == "completed":
            for movement in reader.list("balance_transactions", payout=payout["id"]):
                yield {"payout": payout["id"], "balance_transaction": movement["id"]}


def _write(path: Path, objects: Iterator[Object], until: datetime) -> int:
    """The objects as gzipped JSON lines, one by one; returns how many.

    The header's time is the window's end: an object that changed and changed back makes a file of the same lines as an
    earlier window's, and it has to be loaded all the same.
    """
    rows = 0
    with path.open("wb") as file, gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=until.timestamp()) as lines:
        for found in objects:
            lines.write(canonical(found).encode() + b"\n")
            rows += 1
    return rows


def _land(path: Path, key: str) -> None:
    """Put the file there, whole or not at all; one that is there already with the same bytes is left alone."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    s3 = connections.s3_client()
    there = {item["Key"] for item in landed_objects(key)}
    if key in there and s3.head_object(Bucket=connections.LANDING_BUCKET, Key=key)["Metadata"].get("sha256") == sha256:
        return
    s3.upload_file(str(path), connections.LANDING_BUCKET, key, ExtraArgs={"Metadata": {"sha256": sha256}})
