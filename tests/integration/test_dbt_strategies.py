"""How Silver and Gold tables take what is new, on real tables: a project of three small models with dbt/macros.

Each round changes the tables below at random and builds once; what the models then hold is compared with what a few
lines of Python make of all that ever happened.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import yaml
from tests.dbt import build

from tieout import connections
from tieout.controls import ops
from tieout.settings import PROJECT_ROOT

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("stack")]

KEYS = "abcdefgh"
FIRST_DAY = date(2026, 11, 1)
START = datetime(2026, 11, 2, 2, tzinfo=UTC)
TABLES = {
    "dbt_test_events": "id varchar, value integer, _batch date, _extracted_at timestamp(6) with time zone, _op varchar",
    "dbt_test_lines": "id varchar, value integer, currency varchar, _batch date, "
    "_extracted_at timestamp(6) with time zone, _file varchar, _line bigint",
    "dbt_test_known": "currency varchar",
    "dbt_test_truth": "id varchar, day date, value integer",
}
MODELS = {
    "dbt_test_extracted": """
        {{ config(unique_key=['key'], incremental_strategy='newest_extraction') }}
        select
            id as key, value, _is_gone as is_deleted, _changed_batch as _batch, _changed_at as _extracted_at, _values_at
        from ({{ newest_extracted(source('scratch', 'dbt_test_events'), key=['id']) }})
    """,
    "dbt_test_delivered": """
        {{ config(unique_key=['key'], incremental_strategy='newest_delivery') }}
        select
            id as key, value, known.currency is not null as is_known, _batch, _extracted_at, _file, _line, _first_batch
        from ({{ newest_delivered(
            source('scratch', 'dbt_test_lines'), key=['id'], waiting='not is_known', first_batch=true
        ) }}) as lines
        left join {{ source('scratch', 'dbt_test_known') }} as known on known.currency = lines.currency
    """,
    "dbt_test_difference": """
        {{ config(unique_key=['id', 'day'], incremental_strategy='difference') }}
        select id, day, value from {{ source('scratch', 'dbt_test_truth') }}
    """,
    "dbt_test_one_day": """
        {{ config(unique_key='id', incremental_strategy='difference', meta={'rewrites_day': 'day'}) }}
        select id, day, value from {{ source('scratch', 'dbt_test_truth') }} where day = date '{{ as_of() }}'
    """,
    "dbt_test_changed": """
        {{ config(unique_key='id', incremental_strategy='difference', meta={'changed_keys': 'changed_truth'}) }}
        {%- set since = last_built() %}
        select id, value from {{ source('scratch', 'dbt_test_truth') }} where value >= 0 {{ and_changed('id', since) }}
    """,
}
MACROS = """
    {% macro changed_truth(since) %}
    select id from {{ source('scratch', 'dbt_test_truth') }} as truth where {{ is_changed('truth', since) }}
    {% endmacro %}
"""
TESTS = [
    {"grain": {"name": "one_row_an_id", "arguments": {"key": ["id"]}}},
    {"holds": {"name": "no_value_is_negative", "arguments": {"condition": "value >= 0"}}},
]
DESCRIPTION = "Somebody's table; it says 'so'."


@pytest.fixture(scope="module")
def project(stack, tmp_path_factory):
    """A dbt project of the models above on empty tables in lake.scratch."""
    folder = tmp_path_factory.mktemp("strategies")
    (folder / "models").mkdir()
    (folder / "macros").mkdir()
    (folder / "macros" / "changed_truth.sql").write_text(MACROS)
    settings = {
        "name": "strategies",
        "profile": "tieout",
        "macro-paths": [str(PROJECT_ROOT / "dbt" / "macros"), "macros"],
        "vars": {"clock_difference_seconds": 2, "narrow_from_rows": 1},
        "models": {"strategies": {"materialized": "incremental", "schema": "scratch"}},
    }
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(settings))
    properties = {
        "sources": [
            {"name": schema, "database": "lake", "schema": schema, "tables": [{"name": table} for table in tables]}
            for schema, tables in {"scratch": TABLES, "ops": ops.TABLES}.items()
        ],
        "models": [
            {"name": name, "description": DESCRIPTION, "columns": [{"name": "value", "description": DESCRIPTION}]}
            | ({"data_tests": TESTS} if name == "dbt_test_changed" else {})
            for name in MODELS
        ],
    }
    (folder / "models" / "models.yml").write_text(yaml.safe_dump(properties))
    for name, sql in MODELS.items():
        (folder / "models" / f"{name}.sql").write_text(sql)
    for name in MODELS:
        connections.execute(f"drop table if exists lake.scratch.{name}")
    for name, columns in TABLES.items():
        connections.execute(f"drop table if exists lake.scratch.{name}")
        connections.execute(f"create table lake.scratch.{name} ({columns})")
    return folder


def insert(table: str, rows: list[tuple]) -> None:
    if rows:
        values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
        connections.execute(f"insert into lake.scratch.{table} values {values}")


def literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, datetime):
        return f"timestamp '{value:%Y-%m-%d %H:%M:%S} UTC'"
    if isinstance(value, date):
        return f"date '{value}'"
    return str(value) if isinstance(value, int) else f"'{value}'"


def rows_of(table: str, columns: str) -> list[tuple]:
    return sorted(connections.query(f"select {columns} from lake.scratch.{table}"))


def snapshots(table: str) -> int:
    return connections.query(f'select count(*) from lake.scratch."{table}$snapshots"')[0][0]


class Extractions:
    """A database table read again and again: batches of upserts and deletes, some of them read anew."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.now, self.batches = chance, START, {}
        self.history: list[tuple] = []

    def go_on(self) -> None:
        for _ in range(self.chance.randint(1, 3)):
            self.now += timedelta(hours=self.chance.randint(1, 30))
            again = self.batches and self.chance.random() < 0.4
            day = self.chance.choice(list(self.batches)) if again else FIRST_DAY + timedelta(days=len(self.batches))
            keys = set(self.batches.get(day, ())) | set(self.chance.sample(KEYS, self.chance.randint(0, 5)))
            if again:
                connections.execute(f"delete from lake.scratch.dbt_test_events where _batch = date '{day}'")
            self.batches[day] = keys
            rows = [self._event(key, day) for key in sorted(keys)]
            insert("dbt_test_events", rows)
            self.history += rows

    def _event(self, key: str, day: date) -> tuple:
        if self.chance.random() < 0.3:
            return key, None, day, self.now, "delete"
        return key, self.chance.randint(0, 99), day, self.now, "upsert"

    def expected(self) -> list[tuple]:
        """(key, value, is_deleted, newest event, when the values were read, the newest event's batch)"""
        held = {}
        for key, value, day, at, op in sorted(self.history, key=lambda row: row[3]):
            if op == "upsert":
                held[key] = (key, value, False, at, at, day)
            elif key in held:
                held[key] = (*held[key][:2], True, at, held[key][4], day)
        return sorted(held.values())


class Deliveries:
    """Files that come in any order, some with rows in a currency that is not known yet, some read anew.

    A file that is read anew is as it was or holds other values on other lines, and takes the place of what was read of
    it or comes beside it.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.now, self.files, self.known = chance, START, {}, {"USD"}
        self.names = chance.sample([f"2026-11-{day:02d}/part-{part}" for day in range(1, 10) for part in range(3)], 27)
        insert("dbt_test_known", [("USD",)])

    def go_on(self) -> None:
        for _ in range(self.chance.randint(1, 3)):
            self.now += timedelta(hours=1)
            again = self.files and self.chance.random() < 0.3
            name = self.chance.choice(list(self.files)) if again else self.names.pop()
            if again:
                if self.chance.random() < 0.5:
                    connections.execute(f"delete from lake.scratch.dbt_test_lines where _file = '{name}'")
                if self.chance.random() < 0.5:
                    rows = [(key, self.chance.randint(0, 99), currency) for key, _, currency in self.files[name]]
                    self.files[name] = self.chance.sample(rows, len(rows))
            else:
                keys = self.chance.choices(KEYS, k=self.chance.randint(1, 6))
                currencies = self.chance.choices(["USD", "KWD"], k=len(keys))
                self.files[name] = [
                    (key, self.chance.randint(0, 99), c) for key, c in zip(keys, currencies, strict=True)
                ]
            lines = enumerate(self.files[name], start=1)
            insert("dbt_test_lines", [(*row, day_of(name), self.now, name, number) for number, row in lines])

    def learn(self) -> None:
        self.known.add("KWD")
        insert("dbt_test_known", [("KWD",)])

    def expected(self) -> list[tuple]:
        """(key, value, is_known, file, line, batch that brought the key first)"""
        held, first = {}, {}
        for name in sorted(self.files):
            for number, (key, value, currency) in enumerate(self.files[name], start=1):
                first.setdefault(key, day_of(name))
                held[key] = (key, value, currency in self.known, name, number, first[key])
        return sorted(held.values())


def day_of(file: str) -> date:
    return date.fromisoformat(file[:10])


@pytest.mark.parametrize("seed", [1, 2])
def test_silver_and_gold_hold_what_happened_whatever_the_order(project, seed):
    chance = random.Random(seed)
    for table in TABLES:
        connections.execute(f"delete from lake.scratch.{table}")
    extractions, deliveries = Extractions(chance), Deliveries(chance)
    columns = "key, value, is_deleted, _extracted_at, _values_at, _batch"
    for step in range(4):
        extractions.go_on()
        deliveries.go_on()
        if step == 2:
            deliveries.learn()
        truth = {(key, FIRST_DAY): chance.randint(0, 2) for key in chance.sample(KEYS, chance.randint(0, 8))}
        connections.execute("delete from lake.scratch.dbt_test_truth")
        insert("dbt_test_truth", [(*key, value) for key, value in truth.items()])

        build(project, str(FIRST_DAY), *(["--full-refresh"] if step == 0 else []))

        events = rows_of("dbt_test_extracted", columns)
        assert events == extractions.expected(), f"seed {seed}, step {step}"
        lines = rows_of("dbt_test_delivered", "key, value, is_known, _file, _line, _first_batch")
        assert lines == deliveries.expected(), f"seed {seed}, step {step}"
        assert rows_of("dbt_test_difference", "id, day, value") == sorted((*key, v) for key, v in truth.items())

    before = {name: snapshots(name) for name in ("dbt_test_extracted", "dbt_test_difference")}
    build(project, str(FIRST_DAY), "--exclude", "dbt_test_delivered")
    assert {name: snapshots(name) for name in before} == before, "a build without news must write nothing"
    build(project, str(FIRST_DAY), "--full-refresh")
    assert rows_of("dbt_test_extracted", columns) == events
    assert rows_of("dbt_test_delivered", "key, value, is_known, _file, _line, _first_batch") == lines


def test_a_day_is_rewritten_and_the_others_stay(project):
    other = FIRST_DAY + timedelta(days=1)
    connections.execute("delete from lake.scratch.dbt_test_truth")
    insert("dbt_test_truth", [("a", FIRST_DAY, 1), ("b", FIRST_DAY, 1), ("c", other, 1)])
    build(project, str(FIRST_DAY), "--select", "dbt_test_one_day", "--full-refresh")
    build(project, str(other), "--select", "dbt_test_one_day")
    assert rows_of("dbt_test_one_day", "day, id, value") == [(FIRST_DAY, "a", 1), (FIRST_DAY, "b", 1), (other, "c", 1)]

    connections.execute("delete from lake.scratch.dbt_test_truth where id = 'b'")
    connections.execute("update lake.scratch.dbt_test_truth set value = 2")
    build(project, str(FIRST_DAY), "--select", "dbt_test_one_day")
    assert rows_of("dbt_test_one_day", "day, id, value") == [(FIRST_DAY, "a", 2), (other, "c", 1)]


def test_only_keys_that_changed_are_looked_at(project):
    def values(*options: str) -> dict[str, int]:
        build(project, str(FIRST_DAY), "--select", "dbt_test_changed", *options)
        return dict(rows_of("dbt_test_changed", "id, value"))

    connections.execute("delete from lake.scratch.dbt_test_truth")
    insert("dbt_test_truth", [(key, FIRST_DAY, 1) for key in "abc"])
    time.sleep(3)
    assert values("--full-refresh") == {"a": 1, "b": 1, "c": 1}
    # What is written behind the model's back shows which keys it looks at.
    connections.execute("update lake.scratch.dbt_test_changed set value = 7")
    insert("dbt_test_truth", [("d", FIRST_DAY, 1)])
    connections.execute("update lake.scratch.dbt_test_truth set value = 2 where id = 'a'")
    connections.execute("update lake.scratch.dbt_test_truth set value = -1 where id = 'b'")
    assert values() == {"a": 2, "c": 7, "d": 1}

    connections.execute("update lake.scratch.dbt_test_changed set value = 7")
    time.sleep(3)
    connections.execute("alter table lake.scratch.dbt_test_truth execute optimize")
    assert values() == {"a": 2, "c": 1, "d": 1}, "what upkeep has rewritten counts as changed"
    connections.execute("delete from lake.scratch.dbt_test_changed")
    assert values() == {"a": 2, "c": 1, "d": 1}, "an empty table is built whole"


@pytest.fixture
def published() -> Iterator[Callable[[datetime], None]]:
    """Lets a run be published that had read its sources at a moment."""

    def publish(read_at: datetime) -> None:
        run = (f"strategies {read_at}", FIRST_DAY)
        read = ops.TableOutcome(*run, "scratch", "truth", None, "skipped", 0, 0, 0, 0, 0, Decimal(0))
        ops.record_outcomes([replace(read, recorded_at=read_at)])
        ops.record_publications([ops.Publication(*run, "dbt_test_changed", 1, "issued", datetime.now(UTC))])

    yield publish
    for table in ("publications", "table_outcomes"):
        connections.execute(f"delete from lake.ops.{table} where run_id like 'strategies %'")


@pytest.mark.parametrize(
    "wrong, test",
    [("('a', 1)", "one_row_an_id"), ("(null, 1)", "one_row_an_id"), ("('d', -1)", "no_value_is_negative")],
    ids=["a key twice", "no key", "an identity that does not hold"],
)
def test_rows_are_tested_once_they_are_written(project, published, wrong, test):
    """A row that no published run has tested fails the build; one that was tested is read by tests alone."""
    connections.execute("delete from lake.scratch.dbt_test_truth")
    insert("dbt_test_truth", [(key, FIRST_DAY, 1) for key in "abc"])
    build(project, str(FIRST_DAY), "--select", "dbt_test_changed", "--full-refresh")
    time.sleep(3)
    published(datetime.now(UTC))
    time.sleep(3)
    connections.execute(f"insert into lake.scratch.dbt_test_changed (id, value) values {wrong}")
    with pytest.raises(AssertionError, match=test):
        build(project, str(FIRST_DAY), "--select", "dbt_test_changed")
    time.sleep(3)
    published(datetime.now(UTC) + timedelta(minutes=1))
    build(project, str(FIRST_DAY), "--select", "dbt_test_changed")
    with pytest.raises(AssertionError, match=test):
        build(project, str(FIRST_DAY), "--select", "dbt_test_changed", "--resource-type", "test")


def test_descriptions_become_comments_and_described_columns_are_added(project):
    model, yml = project / "models" / "dbt_test_difference.sql", project / "models" / "models.yml"
    build(project, str(FIRST_DAY), "--select", "dbt_test_difference")
    assert comments() == {"": DESCRIPTION, "id": None, "day": None, "value": DESCRIPTION}

    model.write_text(model.read_text().replace("value from", "value, cast(value as decimal(19, 4)) as amount from"))
    properties = yaml.safe_load(yml.read_text())
    for described in properties["models"]:
        if described["name"] == "dbt_test_difference":
            described["description"] = "Changed."
            described["columns"].append({"name": "amount", "description": "New."})
    yml.write_text(yaml.safe_dump(properties))
    build(project, str(FIRST_DAY), "--select", "dbt_test_difference")
    assert comments() == {"": "Changed.", "id": None, "day": None, "value": DESCRIPTION, "amount": "New."}
    assert rows_of("dbt_test_difference", "id, day, amount") == rows_of("dbt_test_truth", "id, day, value")


def comments() -> dict[str, str | None]:
    where = "table_schema = 'scratch' and table_name = 'dbt_test_difference'"
    columns = connections.query(f"select column_name, comment from lake.information_schema.columns where {where}")
    (table,) = connections.query(
        "select comment from system.metadata.table_comments where catalog_name = 'lake' and schema_name = 'scratch' "
        "and table_name = 'dbt_test_difference'"
    )
    return {"": table[0], **dict(columns)}


def test_a_build_without_its_day_stops(project):
    with pytest.raises(AssertionError, match="as_of is missing"):
        build(project, None, "--select", "dbt_test_one_day")
