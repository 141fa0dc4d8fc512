from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tieout.sources import load_sources

# What must not be imported to parse a DAG: each takes seconds, or opens connections.
HEAVY = (
    "boto3",
    "cosmos",
    "dbt",
    "great_expectations",
    "pandas",
    "prophet",
    "psycopg",
    "pyarrow",
    "pyiceberg",
    "sklearn",
    "trino",
)
STEPS = {
    "verify_infrastructure": set(),
    "extract_app_db": {"verify_infrastructure"},
    "extract_stripe": {"verify_infrastructure"},
    "extract_netsuite": {"verify_infrastructure"},
    "extract_planning": {"verify_infrastructure"},
    "extract_wealth": {"verify_infrastructure"},
    "validate_bronze": {"extract_app_db", "extract_stripe", "extract_netsuite", "extract_planning", "extract_wealth"},
    "dbt_build": {"validate_bronze"},
    "tie_out": {"forecast", "anomalies"},
    "publish": {"tie_out"},
    "alerts": {"publish"},
}


@pytest.fixture
def dag(loaded: dict[str, Any]) -> dict[str, Any]:
    return loaded["dags"]["tieout_daily"]


@pytest.fixture
def tasks(dag: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dag["tasks"]


def test_every_dag_file_is_imported_without_an_error(loaded: dict[str, Any]) -> None:
    assert loaded["errors"] == {}
    assert set(loaded["dags"]) == {"tieout_daily", "tieout_maintenance"}


def test_parsing_imports_nothing_heavy_and_takes_less_than_two_seconds(
    loaded: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    record_property("seconds of CPU to parse airflow/dags", loaded["seconds"])
    assert sorted({name.split(".")[0] for name in loaded["imported"]} & set(HEAVY)) == []
    assert loaded["seconds"] < 2


def test_parsing_leaves_no_connection_and_no_file(loaded: dict[str, Any]) -> None:
    assert {path.name for path in Path(loaded["home"]).iterdir()} <= {"airflow", "airflow.db", "dbt", "first-start"}


def test_the_tasks_and_their_order_are_the_design_s(tasks: dict[str, dict[str, Any]]) -> None:
    outside = {name: set(task["upstream"]) for name, task in tasks.items() if "." not in name}
    foresight = {name: outside.pop(name) for name in ("forecast", "anomalies")}
    assert outside == STEPS
    assert all("dbt_build" in upstream for upstream in foresight.values())
    assert "forecast" in foresight["anomalies"] and "anomalies" not in foresight["forecast"]


def test_every_dbt_model_is_a_task_after_what_it_reads(loaded: dict[str, Any], tasks: dict[str, Any]) -> None:
    names = {model.unique_id: f"{model.layer}.{model.name}" for model in loaded["models"]}
    assert {name for name in tasks if "." in name} == set(names.values())
    for model in loaded["models"]:
        expected = {names[parent] for parent in model.parents} or {"validate_bronze"}
        assert set(tasks[names[model.unique_id]]["upstream"]) == expected


def test_no_model_is_passed_over_by_what_comes_after_gold(tasks: dict[str, dict[str, Any]]) -> None:
    models = {name for name in tasks if "." in name}
    read = {parent for name in models for parent in tasks[name]["upstream"]}
    for step in ("forecast", "anomalies"):
        assert models - read <= set(tasks[step]["upstream"])


def test_a_model_s_task_costs_no_process(tasks: dict[str, dict[str, Any]]) -> None:
    assert all(task["from_trigger"] for name, task in tasks.items() if "." in name)


def test_what_a_step_calls_is_there(loaded: dict[str, Any]) -> None:
    for dag in loaded["dags"].values():
        for name, task in dag["tasks"].items():
            if task["call"]:
                module, _, function = task["call"].partition(":")
                spec = find_spec(module)
                assert spec and spec.origin, f"{name} calls {module}, which is not there"
                assert f"def {function}(" in Path(spec.origin).read_text(), f"{name}: {module} has no {function}"


def test_what_touches_the_network_is_retried_with_backoff(tasks: dict[str, dict[str, Any]]) -> None:
    for name, task in tasks.items():
        if "." in name:
            assert task["retries"] == 0, "what fails in dbt_build is retried there"
        else:
            assert task["retries"] > 0
            assert task["backoff"] > 1


def test_runs_are_daily_intervals_one_at_a_time_and_not_caught_up(dag: dict[str, Any]) -> None:
    assert (dag["expression"], dag["intervals"]) == ("0 2 * * *", "CronDataIntervalTimetable")
    assert dag["max_active_runs"] == 1
    assert dag["catchup"] is False


def test_a_manual_run_may_name_its_date(dag: dict[str, Any]) -> None:
    assert dag["date"]["value"] is None
    assert dag["date"]["schema"]["format"] == "date"


def test_every_dag_says_what_it_is_and_who_owns_it(loaded: dict[str, Any]) -> None:
    for dag_id, dag in loaded["dags"].items():
        assert dag_id in dag["doc"]
        assert dag["owner"] != "airflow"
        assert all(task["owner"] != "airflow" for task in dag["tasks"].values())


def test_the_tables_are_assets_of_the_tasks_that_write_them(loaded: dict[str, Any], tasks: dict[str, Any]) -> None:
    for source in load_sources().values():
        assert tasks[f"extract_{source.name}"]["outlets"] == [table.bronze for table in source.tables]
    assert set(tasks["dbt_build"]["outlets"]) == {model.relation for model in loaded["models"]}
    gold = {f"lake.gold.{model.name}" for model in loaded["models"] if model.layer == "gold"}
    assert gold < set(tasks["publish"]["outlets"])
