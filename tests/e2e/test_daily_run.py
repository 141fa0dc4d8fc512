"""A generated company's days through Airflow: what Gold says is what the app's database and the truth say."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.e2e.conftest import gold
from tests.lake import empty_tables
from tieout import aging, summary
from tieout.connections import LANDING_BUCKET, app_db, execute, query, s3_client
from tieout.generate import DELETES, FAULTS, advance, generate, read_truth
from tieout.highlights import highlights
from tieout.orchestration.client import AirflowClient
from tieout.orchestration.run import DAG_ID, RunResult
from tieout.settings import get_settings

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("clean_stack"), pytest.mark.timeout(1500)]

FIRST = date(2026, 10, 31)
SECOND = FIRST + timedelta(days=1)
STATUS_OF_FAULT = {
    "missing_in_erp": "missing_in_erp",
    "missing_in_billing": "missing_in_billing",
    "amount": "amount_mismatch",
    "currency": "currency_mismatch",
    "metadata": "metadata_mismatch",
    "late_posting": "timing_difference",
    "duplicate_in_erp": "duplicate_in_erp",
}

RunDay = Callable[..., RunResult]


@pytest.fixture(scope="module")
def first(clean_stack: None, run_day: RunDay) -> RunResult:
    generate("tiny", seed=11, start=date(2026, 3, 1), end=FIRST)
    return run_day(FIRST)


@pytest.fixture(scope="module")
def second(first: RunResult, run_day: RunDay) -> RunResult:
    advance(1)
    return run_day(SECOND)


def source(sql: str) -> list[tuple]:
    with app_db() as connection:
        return connection.execute(sql).fetchall()


def assert_gold_is_the_source() -> None:
    invoices = "select currency, count(*), sum(total_amount) from {} group by 1 order by 1"
    assert query(invoices.format("lake.gold.fact_ar_invoices")) == source(
        invoices.format("ar_invoices where status <> 'draft'")
    )
    payments = "select direction, status, currency, count(*), sum(amount) from {} group by 1, 2, 3 order by 1, 2, 3"
    assert query(payments.format("lake.gold.fact_payments")) == source(payments.format("payments"))
    assert query("select count(*) from lake.gold.dim_customer") == source("select count(*) from customers")


def open_receivables(day: date) -> list[tuple[str, int, Decimal]]:
    """What customers owed on a day, straight from the app's tables and by another way than Gold's."""
    return source(
        f"""
        select currency, count(*), sum(owed) from (
          select currency, total_amount
            - coalesce((
                select sum(a.amount) from payment_allocations a join payments p on p.id = a.payment_id
                where a.ar_invoice_id = i.id and a.allocated_on <= '{day}'
                  and (p.status = 'succeeded' or p.status = 'reversed' and p.reversed_on > '{day}')), 0)
            - coalesce((
                select sum(c.amount) from credit_notes c
                where c.ar_invoice_id = i.id and c.status = 'issued' and c.issued_on <= '{day}'), 0) as owed
          from ar_invoices i
          where status <> 'draft' and invoice_date <= '{day}' and (status <> 'void' or voided_on > '{day}')
        ) open where owed > 0 group by 1 order by 1
        """
    )


def receivables(day: date) -> list[tuple[str, int, Decimal]]:
    return query(
        "select currency, count(*), sum(remaining_amount) from lake.gold.fact_ar_aging "
        f"where as_of_date = date '{day}' group by 1 order by 1"
    )


def test_the_first_day_is_the_source_to_the_cent(first: RunResult) -> None:
    assert_gold_is_the_source()
    assert receivables(FIRST) == open_receivables(FIRST)


def test_every_injected_fault_is_found_and_nothing_else(first: RunResult) -> None:
    injected = {fault["source_id"]: STATUS_OF_FAULT[fault["label"]] for fault in read_truth(truth(), FAULTS)}
    found = dict(query("select source_id, status from lake.gold.fact_reconciliation where status <> 'perfect_match'"))
    assert found == injected
    assert injected, "a company without a fault proves nothing"


def test_each_task_ran_and_each_model_has_a_log(first: RunResult) -> None:
    with AirflowClient() as airflow:
        tasks = airflow.task_instances(DAG_ID, first.batch.run_id)
        assert Counter(task["state"] for task in tasks) == {"success": len(tasks)}
        log = airflow.log_lines(DAG_ID, first.batch.run_id, "gold.fact_payments", 1)
    assert any("fact_payments success" in str(line["event"]) for line in log)


def test_the_run_and_its_publication_are_on_record(first: RunResult) -> None:
    run_id = first.batch.run_id
    states = query(f"select status from lake.ops.runs where run_id = '{run_id}' order by recorded_at")
    assert [state for (state,) in states] == ["running", "succeeded"]
    assert query(f"select count(*) from lake.ops.publications where run_id = '{run_id}'") != [(0,)]
    assert query(f"select distinct status from lake.ops.tie_out where run_id = '{run_id}'") == [("tied",)]


def test_one_message_tells_what_the_run_found(first: RunResult) -> None:
    ((status, subject, text),) = query(
        f"select status, subject, text from lake.ops.alerts where run_id = '{first.batch.run_id}'"
    )
    assert status == "stored"
    assert "reconciliation exceptions" in subject
    for currency, count, owed in query(
        "select currency, count(*), sum(remaining_amount) from lake.gold.fact_ar_aging "
        f"where as_of_date = date '{FIRST}' and is_overdue group by 1"
    ):
        assert f"{currency} {owed:,f} on {count} invoices" in text
    open_items = query(
        "select status, currency, count(*), sum(leakage_amount) from lake.gold.fact_reconciliation "
        "where is_open and not is_awaiting_erp group by 1, 2"
    )
    assert {line for line in text.splitlines() if ", leakage " in line} <= {
        f"- {status}: {count} in {currency}, leakage {leakage:,f}" for status, currency, count, leakage in open_items
    }
    assert ", leakage " in text
    assert query("select count(*) from lake.gold.fact_reconciliation where status = 'timing_difference'") != [(0,)]
    assert "timing_difference" not in text, "it is settled"


def test_the_summary_of_a_demo_shows_what_the_run_did(first: RunResult) -> None:
    shown = Console(file=StringIO(), width=120)
    summary.show(shown, [first])
    text = shown.file.getvalue()
    currency, invoices = source(
        "select currency, count(*) from ar_invoices where status <> 'draft' group by 1 order by 2 desc limit 1"
    )[0]
    assert f"{invoices:,} invoices in {currency}: " in text
    told = highlights()
    assert {fact for fact, line in told.items() if not line} == set(), "every fact has something to tell of a demo"
    assert re.search(rf"{FIRST} .*none", text), "no drift"
    assert query(summary.SAMPLE)


def test_the_second_day_brings_changes_and_takes_what_was_deleted(second: RunResult) -> None:
    assert_gold_is_the_source()
    assert receivables(SECOND) == open_receivables(SECOND)
    deleted = {row["id"] for row in read_truth(truth(), DELETES)}
    kept = {key for (key,) in query("select payment_id from lake.gold.fact_payments")}
    assert not deleted & kept


def test_the_first_day_can_still_be_read_as_it_was_issued(second: RunResult) -> None:
    tag = f"issued_{FIRST:%Y_%m_%d}"
    before = query(f"select count(*) from lake.gold_candidate.fact_ar_invoices for version as of '{tag}'")
    assert before[0][0] > 0
    assert before <= query("select count(*) from lake.gold.fact_ar_invoices")


def test_the_same_day_again_mends_what_drifted_and_gives_the_same_gold(second: RunResult, run_day: RunDay) -> None:
    """One customer was removed from Silver and one renamed there, behind the pipeline's back."""
    before = gold()
    customers = "lake.silver.stg_app_db__customers"
    removed, renamed = sorted(key for (key,) in query(f"select customer_id from {customers} where not is_deleted"))[:2]
    execute(f"delete from {customers} where customer_id = '{removed}'")
    execute(f"update {customers} set name = 'Renamed' where customer_id = '{renamed}'")
    again = run_day(SECOND)
    run_id = again.batch.run_id
    assert run_id != second.batch.run_id
    assert gold() == before
    repaired = query(f"select key, kind from lake.ops.repairs where run_id = '{run_id}' and status = 'repaired'")
    assert sorted(repaired) == sorted([(removed, "missing_in_lake"), (renamed, "different")])
    told = query(f"select text from lake.ops.alerts where run_id = '{run_id}'")
    assert "app_db.customers: 2 rows" in told[0][0]


def test_a_model_cleared_alone_is_built_alone(second: RunResult) -> None:
    run_id = second.batch.run_id
    with AirflowClient() as airflow:
        airflow.clear(DAG_ID, run_id, ["gold.dim_date"])
        deadline = time.monotonic() + 300
        while (run := airflow.run(DAG_ID, run_id))["state"] not in ("success", "failed"):
            assert time.monotonic() < deadline
            time.sleep(1)
        tries = {task["task_id"]: task["try_number"] for task in airflow.task_instances(DAG_ID, run_id)}
        log = airflow.log_lines(DAG_ID, run_id, "gold.dim_date", 2)
    assert run["state"] == "success"
    assert {task for task, number in tries.items() if number > 1} == {"gold.dim_date"}
    assert any("1 of" in str(line["event"]) and "dim_date" in str(line["event"]) for line in log)


def test_orchestration_adds_seconds(second: RunResult, record_property: Callable[[str, object], None]) -> None:
    record_property("orchestration overhead in seconds", second.timing.overhead.total_seconds())
    # The target is 15 s on a quiet machine; a test machine may be a busy one.
    assert second.timing.overhead < timedelta(seconds=60)


@pytest.fixture
def wrong_delivery() -> Iterator[str]:
    """A balance transaction whose net is not its amount less its fee: dbt's test of Silver refuses it."""
    key = f"stripe/balance_transactions/{SECOND + timedelta(days=1)}/wrong.csv"
    body = (
        "id,source,amount,fee,net,currency,type,created,available_on,status\n"
        "txn_wrong,ch_wrong,1000,30,1000,usd,charge,2026-11-02 10:00:00,2026-11-04 00:00:00,available\n"
    )
    s3_client().put_object(Bucket=LANDING_BUCKET, Key=key, Body=body.encode())
    yield "txn_wrong"
    s3_client().delete_object(Bucket=LANDING_BUCKET, Key=key)


def test_a_failed_test_publishes_nothing(second: RunResult, run_day: RunDay, wrong_delivery: str) -> None:
    before = gold()
    failed = run_day(SECOND + timedelta(days=1), expected="failed")
    assert gold() == before
    assert [failure.task_id for failure in failed.failures] == ["dbt_build"]
    assert "stripe_net_is_amount_less_fee" in failed.failures[0].error
    with AirflowClient() as airflow:
        states = {task["task_id"]: task["state"] for task in airflow.task_instances(DAG_ID, failed.batch.run_id)}
    assert states["silver.stg_stripe__balance_transactions"] == "failed"
    assert states["silver.stg_app_db__payments"] == "success"
    assert states["gold.fact_reconciliation"] == "upstream_failed"
    assert {states[step] for step in ("forecast", "tie_out", "publish", "alerts")} == {"upstream_failed"}
    run_id = failed.batch.run_id
    ((reason,),) = query(f"select reason from lake.ops.runs where run_id = '{run_id}' and status = 'failed'")
    assert "stripe_net_is_amount_less_fee" in reason


def test_a_backfill_gives_the_same_gold_as_the_days_one_by_one(second: RunResult) -> None:
    """On an empty lake. Of the first day itself only what the later state of the source does not change is compared."""
    one_by_one = gold(_OF_THE_SECOND_DAY)
    empty_tables()
    with AirflowClient() as airflow:
        backfill = airflow.backfill(DAG_ID, FIRST, SECOND)
        runs = airflow.wait_for_backfill(DAG_ID, backfill, seconds=1200)
    assert [run["state"] for run in runs] == ["success", "success"]
    assert [run["data_interval_start"][:10] for run in runs] == [str(FIRST), str(SECOND)]
    assert gold(_OF_THE_SECOND_DAY) == one_by_one


# What the days left on record of the first day stands as the source was then; the backfill sees it as it is now.
_OF_THE_SECOND_DAY = {
    **dict.fromkeys(aging.FACTS, f"as_of_date = date '{SECOND}'"),
    "fact_cashflow_forecast": f"run_date = date '{SECOND}'",
    "fact_forecast_accuracy": f"run_date = date '{SECOND}'",
    "fact_forecast_live_accuracy": f"run_date = date '{SECOND}'",
    "ml_anomaly_alerts": f"run_date = date '{SECOND}'",
}


def truth() -> Path:
    return get_settings().home / "truth"
