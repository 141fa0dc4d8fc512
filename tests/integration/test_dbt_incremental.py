"""The dbt project on a generated company: what two days made step by step is what a rebuild from Bronze makes."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from tests.dbt import PROJECT, build
from tests.lake import fresh_app_database, fresh_lake

from tieout import aging, connections
from tieout.batch import Batch
from tieout.controls import ops
from tieout.extract.landing import extract_landing
from tieout.extract.postgres import extract_app_db
from tieout.generate import FAULTS, advance, generate, read_truth
from tieout.highlights import LINES
from tieout.ml.tables import ML_TABLES, ensure_ml_tables
from tieout.publish import LATEST
from tieout.settings import PROJECT_ROOT, get_settings
from tieout.sources import load_sources

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("two_days")]

FIRST, SECOND = "2026-10-31", "2026-11-02"
# Filled only by what must not be; see test_kpis.py and test_processor.py.
EMPTY = {"fact_control_account_differences", "fact_processor_conflicts"}
STATUS_OF_FAULT = {
    "missing_in_erp": "missing_in_erp",
    "missing_in_billing": "missing_in_billing",
    "amount": "amount_mismatch",
    "duplicate_in_erp": "duplicate_in_erp",
    "currency": "currency_mismatch",
    "metadata": "metadata_mismatch",
    "late_posting": "timing_difference",
}


@pytest.fixture(scope="module")
def two_days(stack) -> None:
    """A first full load with every test of the project, then a day whose changes were merged."""
    fresh_app_database()
    fresh_lake()
    ensure_ml_tables()
    generate("tiny", 3, date(2026, 1, 1), date.fromisoformat(FIRST))
    load(FIRST)
    build(PROJECT, FIRST)
    advance(2)
    with connections.app_db(autocommit=True) as app:
        # What people do: rules are named anew, a leg turns out to be none of its transfer's, and what settled an
        # invoice was meant for another.
        app.execute("update bank_category_rules set name = name || ' (2)' where org_id is null")
        app.execute(
            "update bank_transactions set transfer_group_id = null where id = ("
            "select id from bank_transactions where transfer_group_id is not null order by id limit 1)"
        )
        meant_for_another = app.execute(
            "update payment_allocations as moved set ar_invoice_id = ("
            "select id from ar_invoices where org_id = moved.org_id and currency = moved.currency "
            "and status = 'issued' and id <> moved.ar_invoice_id order by id limit 1) "
            "where id = (select a.id from payment_allocations as a join ar_invoices as i on i.id = a.ar_invoice_id "
            "join payments as p on p.id = a.payment_id "
            "where p.status = 'succeeded' and a.amount = i.total_amount order by a.id desc limit 1)"
        )
        assert meant_for_another.rowcount == 1
    load(SECOND)
    # As on long histories, where only what changed is looked at.
    build(PROJECT, SECOND, "--exclude-resource-type", "unit_test", narrow_from_rows=1)


def load(day: str) -> None:
    batch = Batch.of(day, "test")
    extract_app_db(batch)
    for source in load_sources().values():
        if source.kind == "landing":
            extract_landing(source.name, batch)


def models() -> dict[str, dict]:
    """The project's models, as dbt wrote them down in its last build, by schema and name."""
    manifest = json.loads((PROJECT / "target" / "manifest.json").read_text())
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    return {f"{node['schema']}.{node['name']}": node for node in nodes}


def contents() -> dict[str, Counter]:
    """All rows of every model's table."""
    return {table: Counter(connections.query(f"select * from lake.{table}")) for table in models()}


def test_a_rebuild_gives_what_the_days_gave():
    by_days = contents()
    build(PROJECT, SECOND, "--full-refresh", "--exclude-resource-type", "unit_test", "test")
    rebuilt = contents()
    assert by_days.keys() == rebuilt.keys()
    assert {table for table in rebuilt if by_days[table] != rebuilt[table]} == set()


def test_an_older_day_again_rewrites_its_per_day_facts_and_nothing_else():
    before = contents()
    build(PROJECT, FIRST, "--select", "gold", "--exclude-resource-type", "unit_test", "test")
    after = contents()
    changed = {table for table in after if before[table] != after[table]}
    assert changed <= {f"gold_candidate.{fact}" for fact in aging.FACTS}
    for fact in set(aging.FACTS) - EMPTY:
        days = connections.query(f"select distinct as_of_date from lake.gold_candidate.{fact} order by 1")
        assert days == [(date.fromisoformat(FIRST),), (date.fromisoformat(SECOND),)]


def test_silver_holds_the_living_rows_of_the_source():
    counts = " union all ".join(
        f"select '{table.name}', count(*) from lake.silver.stg_{table.identifier} where not is_deleted"
        for table in load_sources()["app_db"].tables
    )
    with connections.app_db() as app:
        for name, rows in connections.query(counts):
            assert rows == app.execute(f'select count(*) from "{name}"').fetchone()[0], name


def test_every_injected_fault_is_found_and_none_is_invented():
    faults = {line["source_id"]: STATUS_OF_FAULT[line["label"]] for line in read_truth(truth_folder(), FAULTS)}
    found = connections.query(
        "select source_id, status from lake.gold_candidate.fact_reconciliation where status <> 'perfect_match'"
    )
    assert faults
    assert dict(found) == faults
    assert len(found) == len(faults)


def truth_folder():
    return get_settings().home / "truth"


def test_every_table_and_column_has_its_description_as_comment():
    comments: dict[str, dict[str, str | None]] = {}
    for schema, table, column, comment in connections.query(
        "select table_schema, table_name, column_name, comment from lake.information_schema.columns "
        "where table_schema in ('silver', 'gold_candidate')"
    ):
        comments.setdefault(f"{schema}.{table}", {})[column] = comment
    relations = dict(
        connections.query(
            "select schema_name || '.' || table_name, comment from system.metadata.table_comments "
            "where catalog_name = 'lake' and schema_name in ('silver', 'gold_candidate')"
        )
    )
    for relation, model in models().items():
        assert relations[relation] == model["description"] != ""
        assert comments[relation] == {name: column["description"] for name, column in model["columns"].items()}
        assert all(comments[relation].values())


GOLD_PAGE = (PROJECT_ROOT / "docs" / "gold.md").read_text()
# (table, query): each section's, of which some have a second one; a rule is inserted there too, which is no query.
QUERIES = [
    (table, query)
    for table, section in re.findall(r"^## (\w+)$(.*?)(?=^## |\Z)", GOLD_PAGE, re.DOTALL | re.MULTILINE)
    for query in re.findall(r"```sql\n((?:select|with)\b.*?)```", section, re.DOTALL)
]


def test_the_demo_has_a_line_of_every_fact():
    facts = {name.split(".")[1] for name in models() if name.startswith("gold_candidate.fact_")}
    assert facts <= LINES.keys()


def test_the_page_about_gold_has_every_table():
    described = {name.split(".")[1] for name in models() if name.startswith("gold_candidate.")}
    described |= {table.name for table in ML_TABLES} | {f"{name}_latest" for name in LATEST}
    assert described <= {table for table, query in QUERIES if f"lake.gold.{table}" in query}


@pytest.mark.parametrize(("table", "query"), QUERIES, ids=[table for table, _ in QUERIES])
def test_the_page_about_gold_has_a_query_that_runs(table, query):
    candidate = query.replace("lake.gold.", "lake.gold_candidate.")  # nothing is published here
    for name in LATEST:
        candidate = candidate.replace(
            f"lake.gold_candidate.{name}_latest",
            f"(select * from lake.gold_candidate.{name} "
            f"where run_date = (select max(run_date) from lake.gold_candidate.{name}))",
        )
    rows = connections.query(candidate)
    empty = table in EMPTY or f"gold_candidate.{table}" not in models()
    assert rows or empty, "a table that dbt makes has rows here"


def test_organizations_use_the_standard_chart():
    chart = "select account_code, {} as name, account_type, normal_side from lake.{}"
    used = chart.format("name", "silver.stg_app_db__gl_accounts")
    standard = chart.format("account_name", "gold_candidate.dim_standard_account")
    assert connections.query(f"{used} except {standard}") == []


def test_own_transfers_are_whole_and_stay_out_of_income():
    """Within a currency they net; between two they are an exchange, at the bank's rate, a little below spot."""
    found = connections.query(
        """
        select transfer_status, category, count(distinct transfer_group_id) > 5, sum(income_amount + expense_amount),
            bool_and(transfer_rate is null
                or transfer_rate < transfer_spot_rate and transfer_rate > transfer_spot_rate * decimal '0.99')
        from lake.gold_candidate.fact_bank_transactions
        where is_internal_transfer and transfer_status <> 'one_leg'  -- what people left of one, above
        group by transfer_status, category
        order by transfer_status
        """
    )
    assert found == [("exchanged", "currency_exchange", True, 0, True), ("netted", "reserve_funding", True, 0, True)]


def test_both_sub_ledgers_tie_to_their_control_accounts():
    ties = connections.query(
        "select control_account, count(*), count_if(is_tied), sum(abs(difference_amount)), sum(open_amount) > 0 "
        "from lake.gold_candidate.fact_control_account_ties group by 1 order by 1"
    )
    assert [side for side, *_ in ties] == ["payable", "receivable"]
    for _, rows, tied, off, has_open in ties:
        assert (rows, off, has_open) == (tied, 0, True)


@pytest.mark.parametrize(
    "first_month, day, expected", [(1, "2026-03-31", (2026, 1, 3)), (4, "2026-03-31", (2026, 4, 12))]
)
def test_fiscal_year_starts_where_the_setting_says(first_month, day, expected):
    build(PROJECT, SECOND, "--select", "dim_date", fiscal_year_start_month=first_month)
    columns = "fiscal_year, fiscal_quarter, fiscal_month"
    assert connections.query(f"select {columns} from lake.gold_candidate.dim_date where date_day = date '{day}'") == [
        expected
    ]


def test_journals_are_looked_at_once_a_line_of_theirs_is_written():
    """A published run has proven the others; a line that was moved breaks the journal that it left, too."""
    entries = "lake.silver.stg_app_db__gl_entries"
    proven, moved, joined = connections.query(
        f"select journal_id, min(gl_entry_id) from {entries} where not is_deleted group by 1 order by 1 limit 3"
    )

    def test() -> None:
        options = ["--select", "journals_balance_every_day"]
        build(PROJECT, SECOND, *options, narrow_from_rows=1, clock_difference_seconds=0)

    connections.execute(f"update {entries} set amount = amount + 1 where gl_entry_id = '{proven[1]}'")
    with pytest.raises(AssertionError, match="Got 1 result"):
        test()
    time.sleep(2)
    run = ("journals", date.fromisoformat(SECOND))
    ops.record_outcomes([ops.TableOutcome(*run, "app_db", "gl_entries", None, "loaded", 0, 0, 0, 0, 0, Decimal(0))])
    ops.record_publications([ops.Publication(*run, "fact_gl_entries", 1, "issued", datetime.now(UTC))])
    test()
    time.sleep(2)
    connections.execute(f"update {entries} set journal_id = '{joined[0]}' where gl_entry_id = '{moved[1]}'")
    with pytest.raises(AssertionError, match="Got 2 results"):
        test()
    connections.execute(f"update {entries} set journal_id = '{moved[0]}' where gl_entry_id = '{moved[1]}'")
    test()
    connections.execute(f"update {entries} set amount = amount - 1 where gl_entry_id = '{proven[1]}'")
    for table in ("publications", "table_outcomes"):
        connections.execute(f"delete from lake.ops.{table} where run_id = 'journals'")
