"""A day of money, from the sources to published Gold. The tasks are thin: what they call is in the package tieout."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param, TaskGroup

from tieout.orchestration.assets import bronze_assets, model_assets, published_assets
from tieout.orchestration.manifest import load_models
from tieout.orchestration.operators import DbtBuildOperator, DbtModelOperator, StepOperator
from tieout.orchestration.runs import record_failure
from tieout.orchestration.timetable import schedule
from tieout.sources import load_sources

DOC = """
### tieout_daily

Takes one day (a *batch*) from Postgres and delivered files through Bronze and Silver to published Gold.

`verify_infrastructure → extract_* → validate_bronze → dbt_build (silver.*, gold.*) → forecast → anomalies → tie_out →
publish → alerts`

* **The day**: a scheduled run takes the day its data interval starts, at 02:00 UTC. A manual run takes `date`;
  without one, the last complete day. Any day can be run again, alone or by a backfill: the result is the same.
* **silver and gold** show, model by model, what the one dbt process of `dbt_build` has made of them. A model fails
  with its build or with one of its tests. To build one model again, clear its task alone.
* **When a task fails** nothing is published and readers keep the numbers of the run before. The last lines of the
  task's log say what was found, where, and what to do. Network trouble is retried; wrong data is not.
* **Rows that drifted** between the source and Silver are read again by `tie_out` (or by `dbt_build`, when a test fails
  because of them), which then builds what stands on them again: its log says `repaired 3 rows of …`.
* **What a run did** is in `lake.ops`: `runs`, `table_outcomes`, `control_totals`, `tie_out`, `repairs`, `publications`.
"""

with DAG(
    "tieout_daily",
    description="Postgres, Stripe and NetSuite to published Gold, proven to the cent",
    doc_md=DOC,
    # Data intervals of a day each; a bare cron string would in Airflow 3 give intervals of no width.
    schedule=schedule("0 2 * * *"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    # Two runs would write the same tables; the second waits.
    max_active_runs=1,
    tags=["tieout"],
    params={
        "date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day",
            description="The day to run (YYYY-MM-DD). Empty: the day of the data interval.",
        )
    },
    default_args={
        "owner": "data-engineering",
        # For the network. StepOperator does not retry what can only fail again.
        "retries": 3,
        "retry_delay": timedelta(seconds=10),
        "retry_exponential_backoff": 2,
        "max_retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(hours=2),
        "on_failure_callback": record_failure,
    },
):
    models = load_models()

    verify = StepOperator(
        task_id="verify_infrastructure",
        call="tieout.orchestration.verify:verify_infrastructure",
        marks="running",
    )
    extracts = [
        StepOperator(
            task_id="extract_app_db",
            call="tieout.extract.postgres:extract_app_db",
            outlets=bronze_assets("app_db"),
        ),
        *(
            StepOperator(
                task_id=f"extract_{source.name}",
                call="tieout.extract.pull:pull_and_extract",
                before=(source.name,),
                outlets=bronze_assets(source.name),
            )
            for source in load_sources().values()
            if source.kind == "landing"
        ),
    ]
    validate = StepOperator(task_id="validate_bronze", call="tieout.bronze.validation:validate_bronze")
    build = DbtBuildOperator(task_id="dbt_build", outlets=model_assets(models))

    tasks = {}
    for layer in ("silver", "gold"):
        with TaskGroup(layer):
            for model in models:
                if model.layer == layer:
                    # What fails here has failed in dbt_build, which knows whether a retry may help.
                    tasks[model.unique_id] = DbtModelOperator(
                        task_id=model.name,
                        model=model,
                        build_task_id=build.task_id,
                        retries=0,
                        on_failure_callback=None,
                    )

    foresight = [
        StepOperator(task_id="forecast", call="tieout.ml.forecast:run_forecast", owner="analytics"),
        StepOperator(task_id="anomalies", call="tieout.ml.anomalies:run_anomalies", owner="analytics"),
    ]
    tie_out = StepOperator(task_id="tie_out", call="tieout.controls.tie_out:tie_out", owner="finance-controls")
    publish = StepOperator(task_id="publish", call="tieout.publish:publish", outlets=published_assets(models))
    alerts = StepOperator(task_id="alerts", call="tieout.alerts:send_alerts", marks="succeeded")

    verify >> extracts >> validate >> build
    for model in models:
        task = tasks[model.unique_id]
        (([tasks[parent] for parent in model.parents]) or validate) >> task
        if not any(model.unique_id in other.parents for other in models):
            task >> foresight
    build >> foresight >> tie_out >> publish >> alerts
    # The anomalies warn of cash that the day's forecast expects to run short.
    foresight[0] >> foresight[1]
