"""Publishing: the candidate of Gold that passed its tests becomes what readers see.

Readers query views in lake.gold, each pinned on one Iceberg snapshot of the table of the same name in
lake.gold_candidate. A publication prepares all new views in lake.gold_next, where Trino checks them, and then moves
them into lake.gold in one transaction of the catalog's database: every reader sees all of the old views or all of the
new ones, and a publication that fails anywhere before that commit changes nothing that a reader sees.

Each published snapshot is tagged issued_<YYYY_MM_DD>, by the day that Gold is as of (the newest day loaded, as in the
models: a rerun of an older day re-issues the newest day and leaves what was issued on its own). Tags keep snapshots
from expiring. A view whose candidate is gone is withdrawn, because a number that nobody proves any more must not stay.

Of a table that keeps what was said on every run date, a second view shows the newest run date alone, of the same
snapshot.
"""

from __future__ import annotations

import gzip
import json
import logging
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tieout import connections
from tieout.batch import Batch
from tieout.controls import ops
from tieout.controls.layers import CANDIDATE, candidate_snapshots
from tieout.controls.literals import identifier, literal
from tieout.controls.tie_out import DRIFT, SNAPSHOT
from tieout.errors import PublishError

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

log = logging.getLogger(__name__)

STAGED, GOLD = "gold_next", "gold"
# Tables with a view of their newest run date; run_date is their partition.
LATEST = ("fact_cashflow_forecast",)
_THREADS = 4
_TAG_ATTEMPTS = 5


@dataclass(frozen=True)
class Candidate:
    """A table of gold_candidate and the snapshot that tie_out measured; latest: as the view of its newest run date."""

    table: Table
    snapshot_id: int
    latest: bool = False

    @property
    def name(self) -> str:
        """Of the view that readers see."""
        return self.table.name()[-1] + ("_latest" if self.latest else "")

    @property
    def comment(self) -> str | None:
        comment = self.table.properties.get("comment")
        return f"The newest run date of {self.table.name()[-1]}. {comment}" if self.latest else comment


@dataclass(frozen=True)
class StagedView:
    """A view in gold_next: its metadata file as Trino wrote it, and the one that has the descriptions too."""

    name: str
    location: str
    described: str


def publish(batch: Batch) -> list[ops.Publication]:
    """Let readers see what this run built and tie_out proved; returns what was published, one entry per view.

    Safe to repeat. Raises PublishError, with nothing changed for readers, when this run has no tie-out without drift,
    when a candidate has changed since, or when the views cannot be made.
    """
    snapshots = _proven_snapshots(batch)
    tag = tag_of(_as_of(batch))
    catalog = connections.iceberg_catalog()
    with ThreadPoolExecutor(_THREADS) as pool:
        candidates = list(pool.map(lambda item: _load(catalog, *item), sorted(snapshots.items())))
        # What is about to be pinned cannot expire. A tag that is already there belongs to what readers see now: it
        # moves after the views have.
        list(pool.map(lambda candidate: _tag(candidate, tag, replace=False), candidates))
        connections.execute(f"create schema if not exists lake.{STAGED}")
        newest = [replace(candidate, latest=True) for candidate in candidates if candidate.name in LATEST]
        shown = candidates + newest
        list(pool.map(_stage, shown))
        locations = _view_locations([candidate.name for candidate in shown])
        views = list(pool.map(lambda candidate: _describe(candidate, locations[candidate.name]), shown))
        _swap(views)
        list(pool.map(lambda candidate: _tag(candidate, tag, replace=True), candidates))
    now = datetime.now(UTC)
    published = [ops.Publication(batch.run_id, batch.day, c.name, c.snapshot_id, tag, now) for c in shown]
    ops.record_publications(published)
    log.info("published %d views of batch %s as %s", len(published), batch, tag)
    return published


def tag_of(day: date) -> str:
    """The tag of the snapshots that were published as of a day."""
    return f"issued_{day:%Y_%m_%d}"


def published_as_of(day: date) -> list[ops.Publication]:
    """What Gold was when it was last issued as of a day, one entry per view; empty when it never was."""
    issued = f"from {ops.SCHEMA}.publications where tag = {literal(tag_of(day))}"
    rows = connections.query(
        f"select run_id, batch, relation, snapshot_id, tag, published_at {issued} "
        f"and published_at = (select max(published_at) {issued}) order by relation"
    )
    return [ops.Publication(*row) for row in rows]


def _proven_snapshots(batch: Batch) -> dict[str, int]:
    """{table: snapshot} that this run's last tie-out measured without drift and that is still the newest."""
    run = ops.of_run(batch.run_id, batch.day)
    statuses = dict(
        connections.query(
            f"select status, count(*) from ({ops.latest('tie_out', 'run_id', run)}) group by status",
        )
    )
    if not statuses:
        raise PublishError(f"batch {batch} of run {batch.run_id} has no tie-out: run tie_out first")
    if drifts := statuses.get(DRIFT):
        raise PublishError(
            f"batch {batch} is not published: its tie-out found {drifts} drifts; see lake.ops.tie_out "
            f"(tieout tie-out --date {batch}), mend what it names and run the day again"
        )
    totals = ops.latest("control_totals", "run_id", f"{run} and layer = 'gold' and measure = {literal(SNAPSHOT)}")
    measured = {name: int(snapshot) for name, snapshot in connections.query(f"select entity, value from ({totals})")}
    if not measured:
        raise PublishError(f"batch {batch} is not published: lake.{CANDIDATE} held no table when it was tied out")
    current = candidate_snapshots(CANDIDATE)
    if changed := sorted(name for name in measured.keys() | current.keys() if measured.get(name) != current.get(name)):
        raise PublishError(
            f"batch {batch} is not published: {', '.join(changed)} in lake.{CANDIDATE} changed after the tie-out; "
            "run tie_out again (clear it in Airflow, or run the day again)"
        )
    return measured


def _as_of(batch: Batch) -> date:
    """The day that the candidate is as of: the newest day loaded, the same as in dbt/macros/as_of.sql."""
    [(newest,)] = connections.query(f"select max(batch) from {ops.SCHEMA}.table_outcomes where status = 'loaded'")
    return max(newest or batch.day, batch.day)


def _load(catalog: Catalog, name: str, snapshot_id: int) -> Candidate:
    return Candidate(catalog.load_table((CANDIDATE, name)), snapshot_id)


def _tag(candidate: Candidate, tag: str, replace: bool) -> None:
    """Tag the snapshot. An existing tag is moved only if `replace`. Another writer's commit is waited out."""
    from pyiceberg.exceptions import CommitFailedException

    for attempt in range(1, _TAG_ATTEMPTS + 1):
        existing = candidate.table.refs().get(tag)
        if existing and (existing.snapshot_id == candidate.snapshot_id or not replace):
            return
        try:
            return candidate.table.manage_snapshots().create_tag(candidate.snapshot_id, tag).commit()
        except CommitFailedException as error:
            if attempt == _TAG_ATTEMPTS:
                raise PublishError(f"{candidate.name} could not be tagged {tag}: {error}; publish again") from error
            time.sleep(0.2 * attempt)
            candidate.table.refresh()


def _stage(candidate: Candidate) -> None:
    """Make the view in gold_next, where no reader looks; Trino checks it."""
    from trino.exceptions import TrinoQueryError

    view = f"lake.{STAGED}.{identifier(candidate.name)}"
    try:
        # DEFINER: who may read lake.gold needs no right on the tables behind it.
        connections.execute(f"create or replace view {view} security definer as {_select(candidate)}")
    except TrinoQueryError as error:
        raise PublishError(
            f"the view of {candidate.name} could not be made: {error.message}. Readers still see what was published "
            "before; mend the table and publish again"
        ) from error


def _select(candidate: Candidate) -> str:
    """What the view says."""
    pinned = f"lake.{CANDIDATE}.{identifier(candidate.table.name()[-1])} for version as of {candidate.snapshot_id}"
    newest = f" where run_date = (select max(run_date) from {pinned})" if candidate.latest else ""
    return f"select * from {pinned}{newest}"


def _view_locations(names: list[str]) -> dict[str, str]:
    """{view: its metadata file} of the staged views."""
    with connections.postgres("iceberg") as connection:
        rows = connection.execute(
            "select table_name, metadata_location from iceberg_tables where catalog_name = %s "
            "and table_namespace = %s and iceberg_type = 'VIEW' and table_name = any(%s)",
            (connections.CATALOG, STAGED, names),
        ).fetchall()
    return dict(rows)


def _describe(candidate: Candidate, location: str) -> StagedView:
    """Give a staged view the table's descriptions, in a metadata file of its own (Iceberg's doc and comment).

    Trino has one statement, and one commit, per column for this: some two hundred in a publication.
    """
    s3 = connections.s3_client()
    source = urlsplit(location)
    zipped = location.endswith(".gz.metadata.json")
    body = s3.get_object(Bucket=source.netloc, Key=source.path.lstrip("/"))["Body"].read()
    view = json.loads(gzip.decompress(body) if zipped else body)

    docs = {field.name: field.doc for field in candidate.table.schema().fields if field.doc}
    for schema in view["schemas"]:
        for field in schema["fields"]:
            if field["name"] in docs:
                field["doc"] = docs[field["name"]]
    if candidate.comment:
        view.setdefault("properties", {})["comment"] = candidate.comment

    body = json.dumps(view).encode()
    described = f"{location.rsplit('/', 1)[0]}/{uuid.uuid4()}.{'gz.' if zipped else ''}metadata.json"
    key = urlsplit(described).path.lstrip("/")
    s3.put_object(Bucket=source.netloc, Key=key, Body=gzip.compress(body) if zipped else body)
    return StagedView(candidate.name, location, described)


def _swap(views: list[StagedView]) -> None:
    """Replace what lake.gold shows by the staged views, all at once."""
    published = {name for (name,) in connections.query(f"select distinct relation from {ops.SCHEMA}.publications")}
    names = {view.name for view in views}
    with connections.postgres("iceberg") as connection:
        removed = connection.execute(
            "delete from iceberg_tables where catalog_name = %s and table_namespace = %s and iceberg_type = 'VIEW' "
            "and table_name = any(%s) returning table_name",
            (connections.CATALOG, GOLD, sorted(published | names)),
        ).fetchall()
        for view in views:
            moved = connection.execute(
                "update iceberg_tables set table_namespace = %s, metadata_location = %s, "
                "previous_metadata_location = metadata_location where catalog_name = %s and table_namespace = %s "
                "and iceberg_type = 'VIEW' and table_name = %s and metadata_location = %s",
                (GOLD, view.described, connections.CATALOG, STAGED, view.name, view.location),
            )
            if moved.rowcount != 1:
                raise PublishError(
                    f"the view of {view.name} changed in lake.{STAGED} while it was published: is another "
                    "publication under way? Readers still see what was published before; publish again"
                )
    for name in sorted({name for (name,) in removed} - names):
        log.warning("withdrew lake.%s.%s: lake.%s has no such table any more", GOLD, name, CANDIDATE)
