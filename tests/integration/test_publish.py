"""Publishing on the real engines: readers see what was proven, all of it or what they saw before."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tieout import connections, publish
from tieout.batch import Batch
from tieout.bronze import maintenance
from tieout.controls import ops
from tieout.controls.layers import candidate_snapshots
from tieout.errors import PublishError

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("stack")]

# Schemas and days of their own: the runs of other tests are neither published nor withdrawn.
CANDIDATE, STAGED, GOLD = "publish_test_candidate", "publish_test_next", "publish_test_gold"
DAY = date(2099, 1, 1)
FACT, DIM = f"lake.{CANDIDATE}.fact_t", f"lake.{CANDIDATE}.dim_t"


def clean():
    for schema in (GOLD, STAGED, CANDIDATE):
        present = connections.query(
            f"select table_name, table_type from lake.information_schema.tables where table_schema = '{schema}'"
        )
        for table, kind in present:
            connections.execute(f"drop {'view' if kind == 'VIEW' else 'table'} lake.{schema}.{table}")
        connections.execute(f"drop schema if exists lake.{schema}")
    for table in ("publications", "tie_out", "control_totals", "table_outcomes"):
        connections.execute(f"delete from {ops.SCHEMA}.{table} where run_id like 'publish-test%'")


@pytest.fixture
def gold(monkeypatch):
    """A candidate of two tables; nothing is published yet."""
    for name, value in (("CANDIDATE", CANDIDATE), ("STAGED", STAGED), ("GOLD", GOLD)):
        monkeypatch.setattr(publish, name, value)
    ops.ensure_ops_tables()
    clean()
    for schema in (CANDIDATE, GOLD):
        connections.execute(f"create schema lake.{schema}")
    connections.execute(
        f"create table {FACT} (id bigint comment 'The key: it''s unique.', amount decimal(19,4) comment 'Money.') "
        "comment 'One row per thing — with its amount.'"
    )
    connections.execute(f"insert into {FACT} values (1, 10)")
    connections.execute(f"create table {DIM} as select bigint '1' as id")
    yield
    clean()


def run(day=DAY, name="a"):
    return Batch.of(day, f"publish-test-{name}-{datetime.now(UTC).isoformat()}")


def prove(batch, status="tied"):
    """What tie_out leaves for publish."""
    one = Decimal(1)
    ops.record_control_totals(
        [
            ops.ControlTotal(batch.run_id, batch.day, "gold", "lake", table, "snapshot", Decimal(snapshot))
            for table, snapshot in candidate_snapshots(CANDIDATE).items()
        ]
    )
    ops.record_tie_out(
        [ops.TieOut(batch.run_id, batch.day, "c", "silver", "gold", "lake", "fact_t", "rows", one, one, one, status)]
    )
    return batch


def amounts(relation=f"lake.{GOLD}.fact_t", user=None):
    connection = connections.trino_connection(user=user)
    try:
        cursor = connection.cursor()
        cursor.execute(f"select amount from {relation} order by 1")
        return [str(amount) for (amount,) in cursor.fetchall()]
    finally:
        connection.close()


def tags(table=FACT):
    schema, name = table.split(".")[1:]
    rows = connections.query(f"select name, snapshot_id from lake.{schema}.\"{name}$refs\" where type = 'TAG'")
    return dict(rows)


def test_readers_keep_what_was_published_while_the_candidate_changes(gold):
    published = publish.publish(prove(run()))
    assert [(row.relation, row.tag) for row in published] == [
        ("dim_t", "issued_2099_01_01"),
        ("fact_t", "issued_2099_01_01"),
    ]
    connections.execute(f"insert into {FACT} values (2, 20)")
    connections.execute(f"delete from {FACT} where id = 1")
    assert amounts() == ["10.0000"]

    publish.publish(prove(run(date(2099, 1, 2))))
    assert amounts() == ["20.0000"]
    assert amounts(f"{FACT} for version as of 'issued_2099_01_01'") == ["10.0000"]
    assert amounts(f"{FACT} for version as of 'issued_2099_01_02'") == ["20.0000"]
    assert publish.published_as_of(DAY) == published
    assert publish.published_as_of(date(2098, 1, 1)) == []


def test_the_newest_run_date_has_a_view_of_its_own(gold, monkeypatch):
    monkeypatch.setattr(publish, "LATEST", ("runs_t",))
    table = f"lake.{CANDIDATE}.runs_t"
    connections.execute(f"create table {table} (run_date date, amount decimal(19,4)) comment 'Runs.'")
    connections.execute(f"insert into {table} values (date '2098-12-31', 1), (date '2099-01-01', 2)")
    published = publish.publish(prove(run()))
    assert [row.relation for row in published] == ["dim_t", "fact_t", "runs_t", "runs_t_latest"]
    assert published[2].snapshot_id == published[3].snapshot_id
    latest = f"lake.{GOLD}.runs_t_latest"
    assert amounts(latest) == ["2.0000"]
    [(comment,)] = connections.query(
        "select comment from system.metadata.table_comments "
        f"where catalog_name = 'lake' and schema_name = '{GOLD}' and table_name = 'runs_t_latest'"
    )
    assert comment == "The newest run date of runs_t. Runs."
    # what is written afterwards is seen by neither view until it is published, and then by both
    connections.execute(f"insert into {table} values (date '2099-01-02', 3), (date '2098-12-30', 4)")
    assert (amounts(latest), amounts(f"lake.{GOLD}.runs_t")) == (["2.0000"], ["1.0000", "2.0000"])
    publish.publish(prove(run(date(2099, 1, 2))))
    assert amounts(latest) == ["3.0000"]
    # without its table it is withdrawn too
    connections.execute(f"drop table {table}")
    publish.publish(prove(run(date(2099, 1, 3))))
    assert connections.query(f"show tables from lake.{GOLD} like 'runs%'") == []


def test_views_carry_the_descriptions_of_their_tables(gold):
    publish.publish(prove(run()))
    columns = connections.query(f"show columns from lake.{GOLD}.fact_t")
    assert {name: comment for name, _, _, comment in columns} == {"id": "The key: it's unique.", "amount": "Money."}
    [(comment,)] = connections.query(
        "select comment from system.metadata.table_comments "
        f"where catalog_name = 'lake' and schema_name = '{GOLD}' and table_name = 'fact_t'"
    )
    assert comment == "One row per thing — with its amount."


def test_views_run_with_the_rights_of_their_owner(gold):
    publish.publish(prove(run()))
    [(sql,)] = connections.query(f"show create view lake.{GOLD}.fact_t")
    assert "SECURITY DEFINER" in sql


@pytest.mark.parametrize("status", ["drift", None])
def test_what_is_not_proven_is_not_published(gold, status):
    publish.publish(prove(run()))
    connections.execute(f"insert into {FACT} values (2, 20)")
    batch = run(date(2099, 1, 2))
    if status:
        prove(batch, status)
    with pytest.raises(PublishError, match="found 1 drifts" if status else "has no tie-out"):
        publish.publish(batch)
    assert amounts() == ["10.0000"]
    assert "issued_2099_01_02" not in tags()


def test_a_tie_out_that_was_mended_counts(gold):
    batch = run()
    prove(batch, "drift")
    publish.publish(prove(batch))
    assert amounts() == ["10.0000"]


def test_a_candidate_that_changed_after_its_tie_out_is_refused(gold):
    batch = prove(run())
    connections.execute(f"insert into {FACT} values (2, 20)")
    with pytest.raises(PublishError, match=r"fact_t in .* changed after the tie-out"):
        publish.publish(batch)


def fail_in(step, monkeypatch):
    """Let a step of the publication fail for fact_t, after dim_t went through it."""
    original = getattr(publish, step)

    def fails(candidate, *arguments):
        if candidate.name == "fact_t":
            raise ConnectionError("MinIO went away")
        return original(candidate, *arguments)

    monkeypatch.setattr(publish, step, fails)


def fail_in_the_commit(monkeypatch):
    """Let fact_t's view be another one than was staged, as if somebody else published too."""
    original = publish._describe

    def describes(candidate, location):
        view = original(candidate, location)
        return view if candidate.name == "dim_t" else publish.StagedView(view.name, "s3://elsewhere", view.described)

    monkeypatch.setattr(publish, "_describe", describes)


@pytest.mark.parametrize("step", ["_stage", "_describe", "commit"])
def test_a_publication_that_fails_leaves_the_day_before(gold, monkeypatch, step):
    publish.publish(prove(run()))
    issued = tags()
    connections.execute(f"insert into {FACT} values (2, 20)")
    connections.execute(f"create or replace table {DIM} as select bigint '1' as id, 'n' as name")
    again = prove(run(name="again"))

    with monkeypatch.context() as broken:
        fail_in_the_commit(broken) if step == "commit" else fail_in(step, broken)
        with pytest.raises((ConnectionError, PublishError)):
            publish.publish(again)
    assert amounts() == ["10.0000"]
    assert connections.query(f"select * from lake.{GOLD}.dim_t") == [(1,)]
    assert tags() == issued

    publish.publish(again)
    assert amounts() == ["10.0000", "20.0000"]
    assert connections.query(f"select * from lake.{GOLD}.dim_t") == [(1, "n")]
    assert tags() != issued


def test_a_rerun_moves_its_days_tag_and_an_older_days_rerun_does_not(gold):
    publish.publish(prove(run()))
    first = tags()["issued_2099_01_01"]
    connections.execute(f"insert into {FACT} values (2, 20)")
    publish.publish(prove(run(name="rerun")))
    second = tags()["issued_2099_01_01"]
    assert second != first

    # The second day is loaded: Gold is as of it, also when the first day runs again.
    loaded = run(date(2099, 1, 2), "loaded")
    outcome = ops.TableOutcome(loaded.run_id, loaded.day, "s", "t", None, "loaded", 0, 0, 0, 0, 0, Decimal(0))
    ops.record_outcomes([outcome])
    connections.execute(f"insert into {FACT} values (3, 30)")
    published = publish.publish(prove(run(name="older")))
    assert {row.tag for row in published} == {"issued_2099_01_02"}
    assert tags()["issued_2099_01_01"] == second


def test_a_view_without_its_table_is_withdrawn(gold, caplog):
    publish.publish(prove(run()))
    connections.execute(f"drop table {DIM}")
    with caplog.at_level(logging.WARNING):
        publish.publish(prove(run(date(2099, 1, 2))))
    assert connections.query(f"show tables from lake.{GOLD}") == [("fact_t",)]
    assert "withdrew" in caplog.text


def test_tags_survive_a_rebuild_and_the_expiry_of_snapshots(gold, monkeypatch):
    publish.publish(prove(run()))
    for n in range(2, 5):
        connections.execute(f"insert into {FACT} values ({n}, {n}0)")
    connections.execute(f"create or replace table {FACT} as select bigint '9' as id, decimal '90.0000' as amount")
    monkeypatch.setattr(maintenance, "SCHEMAS", (CANDIDATE,))
    upkeep = {row.table: row for row in maintenance.maintain(retention_days=0)}
    assert upkeep[FACT].failure is None
    assert upkeep[FACT].snapshots_before > upkeep[FACT].snapshots_after == 2  # the published one and the newest
    assert amounts() == ["10.0000"]
    assert amounts(f"{FACT} for version as of 'issued_2099_01_01'") == ["10.0000"]
    assert amounts(FACT) == ["90.0000"]


def test_maintenance_merges_small_files(gold, monkeypatch):
    for n in range(2, 6):
        connections.execute(f"insert into {FACT} values ({n}, {n}0)")
    monkeypatch.setattr(maintenance, "SCHEMAS", (CANDIDATE,))
    upkeep = {row.table: row for row in maintenance.maintain()}
    assert (upkeep[FACT].files_before, upkeep[FACT].files_after) == (5, 1)
    assert amounts(FACT) == ["10.0000", "20.0000", "30.0000", "40.0000", "50.0000"]
