"""Controls on the real engines: one checksum on both, drift found and listed, a run's tie-out from end to end."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tieout import connections
from tieout.batch import Batch
from tieout.controls import identities, ops, tie_out
from tieout.controls.checksum import HASH, POSTGRES, SILVER
from tieout.controls.drift import DifferingRow, differing_rows
from tieout.controls.identities import Identity, Side, identity_totals
from tieout.controls.layers import newest_totals
from tieout.controls.literals import literal
from tieout.controls.totals import control_totals, silver_totals, source_totals, united
from tieout.errors import DriftError
from tieout.settings import get_settings
from tieout.sources import ColumnSpec, TableSpec

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("stack")]

SOURCE = "controls_test"


def column(name, type_, silver=None, money=False):
    return ColumnSpec(name, type_, silver or name, "A column.", nullable=True, money=money)


# A column of every type that a Postgres table may have, and Trino's type of it.
EVERY_TYPE = {
    "id": ("bigint", "bigint"),
    "t": ("text", "varchar"),
    "c": ("char(5)", "varchar"),
    "u": ("uuid", "varchar"),
    "j": ("json", "varchar"),
    "b": ("boolean", "boolean"),
    "i": ("integer", "integer"),
    "n4": ("numeric(19,4)", "decimal(19,4)"),
    "n10": ("numeric(20,10)", "decimal(20,10)"),
    "d": ("date", "date"),
    "z": ("timestamptz", "timestamp(6) with time zone"),
    "w": ("timestamp", "timestamp(6)"),
}
TABLE = TableSpec(
    SOURCE,
    "postgres",
    "public",
    "every_type",
    "T.",
    "full",
    ("id",),
    None,
    None,
    tuple(column(name, type_) for name, (type_, _) in EVERY_TYPE.items()),
)

# What Postgres can hold as text: no NUL, no lone surrogate.
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=12) | st.sampled_from(
    ["", " ", "~", "-1", "|", "~|~", "-1|~", "1|a", "|2|ab|", "a\\'\"", "NULL", "é", "e\u0301", "😀", "\n"]
)
instants = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))  # noqa: DTZ001
rows = st.fixed_dictionaries(
    {
        "t": st.none() | texts,
        "c": st.none() | st.text(st.characters(codec="ascii", categories=("L", "N", "Zs")), max_size=5),
        "u": st.none() | st.uuids().map(str),
        "j": st.none() | st.sampled_from(['{"a":  1}', "[]", '"~|"', "null", '{"ключ": "é"}']),
        "b": st.none() | st.booleans(),
        "i": st.none() | st.integers(-(2**31), 2**31 - 1),
        "n4": st.none() | st.decimals("-999999999999999.9999", "999999999999999.9999", places=4),
        "n10": st.none() | st.decimals("-9999999999.9999999999", "9999999999.9999999999", places=10),
        "d": st.none() | st.dates(),
        "z": st.none() | instants.map(lambda moment: moment.replace(tzinfo=UTC)),
        "w": st.none() | instants,
    }
)
NULLS = dict.fromkeys(name for name in EVERY_TYPE if name != "id")
SPECIAL = [
    NULLS,
    {**NULLS, "t": ""},
    {**NULLS, "t": "~"},
    {**NULLS, "c": "US"},
    {**NULLS, "n4": Decimal("-0.5000"), "n10": Decimal("0E-10")},
    {**NULLS, "z": datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), "w": datetime(1900, 1, 1, 0, 0, 0, 1)},  # noqa: DTZ001
    {**NULLS, "z": datetime(1582, 10, 10, tzinfo=UTC), "d": date(1582, 10, 10)},
    {**NULLS, "z": datetime(1, 1, 1, tzinfo=UTC), "w": datetime(1, 1, 1), "d": date(1, 1, 1)},  # noqa: DTZ001
    {
        **NULLS,
        "z": datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
        "w": datetime(9999, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001
        "d": date(9999, 12, 31),
    },
    {**NULLS, "t": "1", "c": "2  ", "u": "00000000-0000-0000-0000-000000000000"},
    {**NULLS, "c": "     ", "n4": Decimal("1.1000"), "n10": Decimal("-1.1000000000")},
    {**NULLS, "z": datetime(2026, 3, 29, 0, 59, 59, 999999, UTC), "w": datetime(2026, 3, 29, 2, 30, 0, 100)},  # noqa: DTZ001
]


def reference_text(row):
    """The text that the module's docstring defines, written a third time, in Python."""

    def part(name, value):
        if name in ("t", "c", "u", "j"):
            if value is None:
                return "-1"
            value = value.rstrip(" ") if name == "c" else value
            return f"{len(value.encode())}|{value}"
        if value is None:
            return "~"
        if name == "b":
            return "true" if value else "false"
        if name in ("z", "w"):
            microseconds = (value.replace(tzinfo=None) - datetime(1, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001
            return f"{microseconds // 10**6}.{microseconds % 10**6:06}"
        if name == "d":
            return str(value.toordinal() - 1)
        if name in ("n4", "n10"):
            text = f"{value:.{name[1:]}f}"
            return text if value else text.lstrip("-")
        return str(value)

    return "|".join(part(name, row[name]) for name in EVERY_TYPE)


def reference_number(row):
    return int(hashlib.md5(reference_text(row).encode()).hexdigest()[:15], 16)


def trino_values(many):
    """The rows as a relation of Trino, with Silver's types."""

    def value(name, item):
        if isinstance(item, datetime) and item.tzinfo is None:
            return f"timestamp '{item.isoformat(' ', 'microseconds')}'"
        return f"cast({literal(item)} as {EVERY_TYPE[name][1]})"

    lines = ", ".join("(" + ", ".join(value(name, row[name]) for name in EVERY_TYPE) + ")" for row in many)
    return f"(values {lines}) as t ({', '.join(EVERY_TYPE)})"


@pytest.fixture(scope="module")
def postgres_table():
    with connections.app_db() as connection:
        columns = ", ".join(f"{name} {type_}" for name, (type_, _) in EVERY_TYPE.items())
        connection.execute(f"create temporary table every_type ({columns})")
        yield connection


# Many rows an example and no shrinking: an example costs two queries, and a row's text says which value it was.
@settings(
    max_examples=10,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(many=st.lists(rows, min_size=10, max_size=40))
@example(many=SPECIAL)
def test_both_engines_give_the_text_and_checksum_that_are_defined(postgres_table, many):
    many = [{"id": number, **row} for number, row in enumerate(many)]
    names = ", ".join(EVERY_TYPE)
    marks = ", ".join(f"%({name})s" for name in EVERY_TYPE)
    postgres_table.execute("truncate every_type")
    postgres_table.cursor().executemany(f"insert into every_type ({names}) values ({marks})", many)

    def measured(engine, relation, run):
        texts_ = [text for _, text in run(f"select id, {engine.row_text(TABLE.columns)} from {relation} order by id")]
        hashes = run(f"select {HASH}, {engine.row_hash(TABLE)} from {engine.hashed(TABLE, relation)} order by id")
        assert all(apart == inline for apart, inline in hashes)
        ((checksum,),) = run(f"select {engine.total(HASH)} from {engine.hashed(TABLE, relation)}")
        return texts_, [number for number, _ in hashes], checksum

    numbers = [reference_number(row) for row in many]
    expected = [reference_text(row) for row in many], numbers, sum(numbers)
    # Of neither a session's time zone nor its way of writing dates is there anything in the text.
    postgres_table.execute("set local timezone = 'America/New_York'")
    postgres_table.execute("set local datestyle = 'German, DMY'")
    assert measured(POSTGRES, "every_type", lambda sql: postgres_table.execute(sql).fetchall()) == expected
    assert measured(SILVER, trino_values(many), connections.query) == expected


def test_a_table_of_many_columns_has_the_same_text_on_both():
    """Postgres's concat_ws takes 100 arguments."""
    names = [f"t{number}" for number in range(130)]
    spec = TableSpec(
        SOURCE, "postgres", "public", "wide", "T.", "full", ("t0",), None, None, tuple(column(n, "text") for n in names)
    )
    values = ", ".join(f"cast({literal('é' * (at % 3)) if at % 5 else 'null'} as varchar)" for at in range(130))
    relation = f"(select * from (values ({values})) as v ({', '.join(names)})) as t"
    with connections.app_db() as connection:
        ((source, number),) = connection.execute(
            f"select {POSTGRES.row_text(spec.columns)}, {HASH} from {POSTGRES.hashed(spec, relation)}"
        )
    assert source == "|".join("-1" if at % 5 == 0 else f"{2 * (at % 3)}|{'é' * (at % 3)}" for at in range(130))
    hashed = SILVER.hashed(spec, relation)
    assert connections.query(f"select {SILVER.row_text(spec.columns)}, {HASH} from {hashed}") == [(source, number)]


def test_the_texts_of_different_rows_differ():
    """Values that look like separators, marks and lengths cannot make two rows alike."""
    spec = tuple(column(name, "text") for name in ("a", "b"))
    values = ["", "~", "-1", "|", "~|~", "0|", "-1|", "1|a", "a|1|b", "|-1", None]
    pairs = ", ".join(f"(cast({literal(a)} as varchar), cast({literal(b)} as varchar))" for a in values for b in values)
    texts_ = [text for (text,) in connections.query(f"select {SILVER.row_text(spec)} from (values {pairs}) t (a, b)")]
    assert len(set(texts_)) == len(values) ** 2


# --- a source table and its Silver ---------------------------------------------------------------------------------

PAYMENTS = TableSpec(
    SOURCE,
    "postgres",
    SOURCE,
    "payments",
    "Payments.",
    "full",
    ("id",),
    None,
    "currency",
    (
        column("id", "text", "payment_id"),
        column("currency", "char(3)"),
        column("amount", "numeric(19,4)", money=True),
        column("updated_at", "timestamptz"),
    ),
)
BATCH = Batch.of("2026-11-20", "controls-test")


@pytest.fixture
def payments():
    """1,000 payments in Postgres and the same in Silver; yields a connection to the source."""
    connection = connections.app_db(autocommit=True)
    connection.execute(f"drop schema if exists {SOURCE} cascade")
    connection.execute(f"create schema {SOURCE}")
    connection.execute(
        f"create table {SOURCE}.payments as select 'p' || n as id, "
        "(array['EUR', 'JPY', 'KWD'])[n % 3 + 1]::char(3) as currency, (n * 1.0001)::numeric(19,4) as amount, "
        "timestamptz '2026-11-01 00:00:00.000001+00' + n * interval '1 minute' as updated_at "
        "from generate_series(1, 1000) n"
    )
    connections.execute(f"drop table if exists {PAYMENTS.silver}")
    connections.execute(
        f"create table {PAYMENTS.silver} as select 'p' || cast(n as varchar) as payment_id, "
        "element_at(array['EUR', 'JPY', 'KWD'], cast(n % 3 + 1 as integer)) as currency, "
        "cast(n * decimal '1.0001' as decimal(19,4)) as amount, cast(timestamp '2026-11-01 00:00:00.000001 UTC' + n * "
        "interval '1' minute as timestamp(6) with time zone) as updated_at, false as is_deleted "
        "from unnest(sequence(1, 1000)) s (n)"
    )
    yield connection
    connection.execute(f"drop schema {SOURCE} cascade")
    connection.close()
    connections.execute(f"drop table {PAYMENTS.silver}")


def test_a_table_and_its_silver_have_the_same_totals(payments):
    source = {total.measure: total.value for total in source_totals(payments, PAYMENTS, BATCH)}
    assert source == silver_totals([PAYMENTS])[PAYMENTS]
    assert set(source) == {"rows", "checksum", "sum:amount:EUR", "sum:amount:JPY", "sum:amount:KWD"}
    # The sum of 1 to 1000 times 1.0001, by hand.
    assert sum(value for measure, value in source.items() if measure.startswith("sum:")) == Decimal("500550.0500")


def test_no_drift_lists_nothing(payments):
    assert list(differing_rows(payments, PAYMENTS)) == []


def test_drift_is_narrowed_to_the_rows_that_differ(payments):
    payments.execute(f"update {SOURCE}.payments set amount = amount + 0.0001 where id = 'p7'")
    payments.execute(f"update {SOURCE}.payments set updated_at = updated_at + interval '1 microsecond' where id = 'p8'")
    payments.execute(f"insert into {SOURCE}.payments values ('new', 'EUR', 1, now())")
    payments.execute(f"delete from {SOURCE}.payments where id = 'p9'")
    connections.execute(f"update {PAYMENTS.silver} set is_deleted = true where payment_id = 'p10'")
    found = {(row.key, row.kind) for row in differing_rows(payments, PAYMENTS)}
    assert found == {
        (("p7",), "different"),
        (("p8",), "different"),
        (("new",), "missing_in_lake"),
        (("p9",), "missing_in_source"),
        (("p10",), "missing_in_lake"),
    }


def test_all_rows_can_differ(payments):
    connections.execute(f"delete from {PAYMENTS.silver}")
    found = list(differing_rows(payments, PAYMENTS))
    assert len(found) == 1000
    assert set(found) == {DifferingRow((f"p{n}",), "missing_in_lake") for n in range(1, 1001)}


# --- a whole tie-out -----------------------------------------------------------------------------------------------


@pytest.fixture
def only_payments(payments, monkeypatch):
    """A lake of which only the payments are described, without identities."""
    source = type("Source", (), {"tables": (PAYMENTS,)})
    monkeypatch.setattr(tie_out, "load_sources", lambda: {SOURCE: source})
    monkeypatch.setattr(tie_out, "load_identities", lambda: ())
    monkeypatch.setattr(tie_out, "held_in_bronze", lambda tables, batch, present: {})
    ops.ensure_ops_tables()
    return payments


def batch(name):
    return Batch.of("2026-11-20", f"{name}-{datetime.now(UTC).isoformat()}")


def statuses(of):
    rows_ = connections.query(f"select measure, status from {ops.SCHEMA}.tie_out where run_id = ?", (of.run_id,))
    return dict(rows_)


def test_tie_out_records_what_tied(only_payments):
    of = batch("tied")
    ops.record_control_totals(source_totals(only_payments, PAYMENTS, of))
    report = tie_out.tie_out(of)
    assert not report.drifts
    assert statuses(of) == dict.fromkeys(
        ("rows", "checksum", "sum:amount:EUR", "sum:amount:JPY", "sum:amount:KWD"), "tied"
    )


@pytest.fixture
def no_repair(monkeypatch):
    monkeypatch.setenv("TIEOUT_REPAIR_LIMIT_ROWS", "0")
    get_settings.cache_clear()
    yield
    monkeypatch.delenv("TIEOUT_REPAIR_LIMIT_ROWS")
    get_settings.cache_clear()


def test_tie_out_stops_on_drift_and_leaves_its_rows(only_payments, no_repair):
    of = batch("drift")
    only_payments.execute(f"update {SOURCE}.payments set amount = amount - 0.01 where id = 'p3'")
    ops.record_control_totals(source_totals(only_payments, PAYMENTS, of))
    with pytest.raises(DriftError, match=r"sum:amount:EUR.*difference -0\.0100(.|\n)*different p3"):
        tie_out.tie_out(of)
    assert {measure for measure, status in statuses(of).items() if status == "drift"} == {"checksum", "sum:amount:EUR"}
    listed = connections.query(f"select key, kind from {ops.SCHEMA}.drift where run_id = ?", (of.run_id,))
    assert listed == [("p3", "different")]


def test_a_second_try_of_a_run_is_judged_by_its_own_totals(only_payments):
    of = batch("retry")
    wrong = control_totals(PAYMENTS, of, "source", {"rows": Decimal(999), "sum:amount:CHF": Decimal(1)})
    ops.record_control_totals(wrong)
    ops.record_control_totals(source_totals(only_payments, PAYMENTS, of))
    assert not tie_out.tie_out(of).drifts


def test_totals_that_nobody_took_are_a_drift(only_payments):
    with pytest.raises(DriftError, match="source has no total of this run"):
        tie_out.tie_out(batch("untaken"))


# --- what came in files --------------------------------------------------------------------------------------------

CHARGES = TableSpec(
    SOURCE,
    "landing",
    "",
    "charges",
    "Charges.",
    "full",
    ("id",),
    None,
    "currency",
    (
        column("id", "text", "charge_id"),
        column("currency", "text"),
        column("amount", "bigint", "amount_minor", money=True),
        column("created", "unix_time", "created_at"),
    ),
)


def test_the_newest_delivered_version_is_what_silver_must_hold():
    at = "timestamp '2026-11-20 00:00:00.000000 UTC'"
    try:
        for table in (CHARGES.bronze, CHARGES.silver):
            connections.execute(f"drop table if exists {table}")
        connections.execute(
            f"create table {CHARGES.bronze} as select * from (values "
            f"('ch_1', 'usd', bigint '100', {at}, 'a/2026-11-19/1.jsonl', bigint '1', {at}), "
            f"('ch_1', 'usd', bigint '240', {at}, 'a/2026-11-20/1.jsonl', bigint '2', {at}), "
            # the same line of a file that was replaced after it had been taken
            f"('ch_1', 'usd', bigint '250', {at}, 'a/2026-11-20/1.jsonl', bigint '2', {at} + interval '1' day), "
            f"('ch_1', 'usd', bigint '200', {at}, 'a/2026-11-20/1.jsonl', bigint '1', {at}), "
            f"('ch_2', 'jpy', bigint '7', {at}, 'a/2026-11-19/1.jsonl', bigint '2', {at})) "
            "t (id, currency, amount, created, _file, _line, _extracted_at)"
        )
        connections.execute(
            f"create table {CHARGES.silver} as select * from (values "
            f"('ch_1', 'USD', bigint '250', {at}, false), ('ch_2', 'JPY', bigint '7', {at}, false)) "
            "t (charge_id, currency, amount_minor, created_at, is_deleted)"
        )
        newest, silver = newest_totals([CHARGES])[CHARGES], silver_totals([CHARGES])[CHARGES]
        assert newest == silver
        assert {measure: value for measure, value in newest.items() if measure != "checksum"} == {
            "rows": 2,
            "sum:amount:USD": 250,
            "sum:amount:JPY": 7,
        }
        connections.execute(f"update {CHARGES.silver} set amount_minor = 200 where charge_id = 'ch_1'")
        assert newest_totals([CHARGES])[CHARGES] != silver_totals([CHARGES])[CHARGES]
    finally:
        for table in (CHARGES.bronze, CHARGES.silver):
            connections.execute(f"drop table if exists {table}")


def test_identities_are_measured_per_currency():
    left = Side("silver", "(values ('EUR', decimal '1.10'), ('EUR', decimal '2.20'), (null, decimal '5')) t (c, a)",
                "true", "c", ("count(*)", "sum(a)"))  # fmt: skip
    right = Side("gold", "(values (decimal '8.30')) t (a)", "true", None, ("3", "sum(a)"))
    identity = Identity("one", "fact", "d", ("rows", "amount"), left, right)
    assert identity_totals([identity])[identity] == (
        {"rows:EUR": 2, "amount:EUR": Decimal("3.3"), "rows:(none)": 1, "amount:(none)": 5},
        {"rows:*": 3, "amount:*": Decimal("8.3")},
    )


def test_sides_of_one_relation_are_measured_in_one_scan(monkeypatch):
    rows = (
        "(values ('EUR', decimal '1.10', 'in'), ('EUR', decimal '2.20', 'out'), ('USD', decimal '5', 'in')) t (c, a, d)"
    )
    came = Side("silver", rows, "true", "c", ("count_if(d = 'in')", "sum(a) filter (where d = 'in')"))
    gone = Side("silver", rows, "true", "c", ("sum(a) filter (where d = 'out')",))
    late = Side("silver", rows, "a > 2", "c", ("count(*)",))
    whole = Side("gold", rows, "true", None, ("count(*)",))
    receipts = Identity("receipts", "fact", "d", ("rows", "amount"), came, came)
    others = [
        Identity("gone", "fact", "d", ("amount",), gone, whole),
        Identity("late", "fact", "d", ("rows",), late, whole),
    ]

    asked = []
    monkeypatch.setattr(
        identities, "united", lambda selects, at_once: asked.extend(selects) or united(selects, at_once)
    )
    totals = identity_totals([receipts, *others])

    expected = {"rows:EUR": 1, "amount:EUR": Decimal("1.1"), "rows:USD": 1, "amount:USD": 5}
    assert totals[receipts] == (expected, expected)
    assert totals[others[0]] == ({"amount:EUR": Decimal("2.2"), "amount:USD": 0}, {"amount:*": 3})
    assert totals[others[1]] == ({"rows:EUR": 1, "rows:USD": 1}, {"rows:*": 3})
    assert len(asked) == 3


# --- the rows of ops -----------------------------------------------------------------------------------------------


def test_what_is_recorded_is_what_is_read():
    ops.ensure_ops_tables()
    ops.ensure_ops_tables()
    of = batch("text")
    nasty = "it's a \\ 'quote' — ünïcode 😀\n; drop table x --"
    outcome = ops.TableOutcome(
        of.run_id, of.day, "stripe", "charges", "a'b.jsonl", "failed", 1, 2, 3, 4, 5, Decimal("0.125"), nasty, None
    )
    ops.record_outcomes([outcome])
    [row] = connections.query(
        "select file, rows_seen, rows_kept, rows_quarantined, rows_deleted, bytes, seconds, reason, sha256 "
        f"from {ops.SCHEMA}.table_outcomes where run_id = ?",
        (of.run_id,),
    )
    connections.execute(f"delete from {ops.SCHEMA}.table_outcomes where run_id = {literal(of.run_id)}")
    assert row == ("a'b.jsonl", 1, 2, 3, 4, 5, Decimal("0.125"), nasty, None)


def test_several_tasks_record_at_once():
    from concurrent.futures import ThreadPoolExecutor

    ops.ensure_ops_tables()
    of = batch("at-once")
    totals = [ops.ControlTotal(of.run_id, of.day, "source", "s", f"t{n}", "rows", Decimal(n)) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda total: ops.record_control_totals([total]), totals))
    [(count,)] = connections.query(f"select count(*) from {ops.SCHEMA}.control_totals where run_id = ?", (of.run_id,))
    assert count == 8
