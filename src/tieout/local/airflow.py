"""Airflow: its configuration, its metadata database, its four processes and their readiness.

The task logs are read straight from the log folder: every process is on this machine. Airflow's own log server
stays off, because it listens on all addresses and cannot be told otherwise.
"""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import version

from tieout.connections import postgres, postgres_dsn
from tieout.errors import StackError
from tieout.local import layout
from tieout.local.progress import Step
from tieout.local.secrets import write_private
from tieout.local.supervise import Program
from tieout.settings import get_settings

API = "airflow-api"
SCHEDULER = "airflow-scheduler"
DAG_PROCESSOR = "airflow-dag-processor"
TRIGGERER = "airflow-triggerer"
NAMES = (API, SCHEDULER, DAG_PROCESSOR, TRIGGERER)
ADMIN = "admin"


def environment() -> dict[str, str]:
    """Airflow's settings, all of them by environment: there is no airflow.cfg to keep in step."""
    settings = get_settings()
    sections: dict[str, dict[str, object]] = {
        "core": {
            "executor": "LocalExecutor",
            # At the default of 32 the executor's workers alone take 6 GiB.
            "parallelism": settings.airflow_parallelism,
            "dags_folder": layout.project("airflow", "dags"),
            "plugins_folder": layout.project("airflow", "plugins"),
            "load_examples": False,
            "dags_are_paused_at_creation": False,
            "fernet_key": settings.reveal("airflow_fernet_key"),
            "execution_api_server_url": f"{settings.airflow_url}/execution/",
            "simple_auth_manager_users": f"{ADMIN}:admin",
            "simple_auth_manager_passwords_file": passwords_file(),
            # The default asks the resolver for this machine's name, which can hang without a network.
            "hostname_callable": "socket.gethostname",
            "default_timezone": "utc",
        },
        "database": {"sql_alchemy_conn": postgres_dsn("airflow", "postgresql+psycopg2")},
        "api": {
            "host": settings.airflow_host,
            "port": settings.airflow_port,
            "workers": 1,
            "base_url": settings.airflow_url,
            "secret_key": settings.reveal("airflow_jwt_secret"),
            "expose_config": False,
        },
        "api_auth": {"jwt_secret": settings.reveal("airflow_jwt_secret")},
        "logging": {"base_log_folder": layout.home("logs", "airflow"), "colored_console_log": False},
        "scheduler": {
            "enable_health_check": False,
            # How long the scheduler sleeps when a look found nothing to do; each hop from task to task waits for it.
            "scheduler_idle_sleep_time": 0.2,
        },
        "dag_processor": {"parsing_processes": 1, "refresh_interval": 30, "min_file_process_interval": 30},
    }
    variables = {
        f"AIRFLOW__{section.upper()}__{name.upper()}": str(value)
        for section, options in sections.items()
        for name, value in options.items()
    }
    return {
        **variables,
        "AIRFLOW_HOME": str(layout.home("airflow")),
        # Threads that share two of glibc's arenas leave less memory unused between them than with one each.
        "MALLOC_ARENA_MAX": "2",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "SCARF_ANALYTICS": "false",
    }


def passwords_file() -> str:
    return str(layout.home("airflow", "passwords.json"))


def programs() -> list[Program]:
    airflow = str(layout.venv_bin("airflow"))

    def program(name: str, *arguments: str) -> Program:
        return Program(name, [airflow, *arguments], layout.home(), priority=40)

    return [
        program(API, "api-server"),
        program(SCHEDULER, "scheduler", "--skip-serve-logs"),
        program(DAG_PROCESSOR, "dag-processor"),
        program(TRIGGERER, "triggerer", "--skip-serve-logs"),
    ]


def ensure_database(step: Step, environment: dict[str, str]) -> None:
    """Bring the metadata database to this Airflow's version, and write the admin's password for its login."""
    layout.home("airflow").mkdir(exist_ok=True)
    layout.project("airflow", "dags").mkdir(parents=True, exist_ok=True)
    password = get_settings().reveal("airflow_admin_password")
    write_private(layout.home("airflow", "passwords.json"), json.dumps({ADMIN: password}) + "\n")
    wanted = f"migrated to Airflow {installed_version()}"
    # The mark lives and dies with the database, so it cannot outlive a database that was thrown away.
    if _mark() == wanted:
        return
    step.update("migrating the metadata database")
    log = layout.log_file("airflow-migrate")
    with log.open("ab") as output:
        result = subprocess.run(
            [str(layout.venv_bin("airflow")), "db", "migrate"],
            env=environment,
            cwd=layout.home(),
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=600,
        )
    if result.returncode != 0:
        raise StackError(f"Airflow's database migration failed (exit code {result.returncode}): see {log}")
    with postgres("airflow", autocommit=True) as connection:
        connection.execute(f"comment on database airflow is '{wanted}'")


def _mark() -> str | None:
    with postgres("airflow") as connection:
        row = connection.execute(
            "select shobj_description(oid, 'pg_database') from pg_database where datname = 'airflow'"
        ).fetchone()
    return row[0] if row else None


def health() -> dict[str, str]:
    """The state that Airflow reports of each of its processes. Raises while the API server does not answer."""
    import httpx

    url = f"{get_settings().airflow_url}/api/v2/monitor/health"
    response = httpx.get(url, timeout=5, trust_env=False)
    response.raise_for_status()
    body = response.json()
    names = {
        SCHEDULER: "scheduler",
        DAG_PROCESSOR: "dag_processor",
        TRIGGERER: "triggerer",
        API: "metadatabase",
    }
    return {name: (body.get(key) or {}).get("status") or "unknown" for name, key in names.items()}


def probe() -> str:
    """The version that runs. Raises while any of the four processes is not healthy."""
    unhealthy = {name: state for name, state in health().items() if state != "healthy"}
    if unhealthy:
        raise ConnectionError(f"not healthy yet: {', '.join(sorted(unhealthy))}")
    return installed_version()


def installed_version() -> str:
    return version("apache-airflow-core")
