"""The lake's weekly housekeeping: compaction, expiry of snapshots that nobody published, removal of orphans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from tieout.orchestration.operators import StepOperator
from tieout.orchestration.timetable import schedule

DOC = """
### tieout_maintenance

Every day's merges leave snapshots and small files behind. Once a week, on Sunday at 04:00 UTC, this compacts the
lake's tables, expires snapshots (never one that was published) and removes files that no snapshot names. It may run
beside `tieout_daily`: a commit that meets another one is tried again.
"""

with DAG(
    "tieout_maintenance",
    description="Compacts the lake's tables and expires what nobody published",
    doc_md=DOC,
    schedule=schedule("0 4 * * 0"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["tieout"],
    default_args={
        "owner": "data-engineering",
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": 2,
        "execution_timeout": timedelta(hours=6),
    },
):
    StepOperator(task_id="maintain", call="tieout.bronze.maintenance:maintain", with_batch=False)
