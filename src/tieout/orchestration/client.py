"""Airflow's REST API v2, as far as Tieout uses it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from tieout.errors import StackError
from tieout.settings import get_settings

ADMIN = "admin"
TIMEOUT_SECONDS = 60
_ATTEMPTS = 4
# A token lives for a day unless configured; a run that is followed for longer asks for a new one.
_AUTHENTICATE_AGAIN = 401
_PAGE = 100


class AirflowClient:
    """One connection to Airflow's API server, with the admin's token. Every failure is a StackError with a remedy."""

    def __init__(self) -> None:
        import httpx

        settings = get_settings()
        self._password = settings.reveal("airflow_admin_password")
        self._url = settings.airflow_url
        # Loopback is never behind the proxy that the environment may name.
        self._http = httpx.Client(base_url=self._url, timeout=TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> AirflowClient:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def wait_for_dag(self, dag_id: str, seconds: float = 60) -> None:
        """Return once Airflow knows the DAG. Raises StackError with the DAG's import error, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while not self._known(dag_id):
            for error in self.get("/importErrors")["import_errors"]:
                if dag_id in error["filename"]:
                    raise StackError(f"Airflow cannot import {error['filename']}: {_last_line(error['stack_trace'])}")
            if time.monotonic() > deadline:
                raise StackError(
                    f"Airflow has not read {dag_id} in {seconds:.0f} s: see `tieout logs airflow-dag-processor`"
                )
            time.sleep(0.5)

    def read_again(self, dag_id: str, seconds: float = 60) -> None:
        """Have Airflow parse the DAG's file now; returns once it has."""
        dag = self.get(f"/dags/{dag_id}/details")
        before = dag["last_parsed_time"]
        self._call("PUT", f"/parseDagFile/{dag['file_token']}")
        deadline = time.monotonic() + seconds
        while self.get(f"/dags/{dag_id}/details")["last_parsed_time"] == before:
            if time.monotonic() > deadline:
                raise StackError(f"Airflow has not read {dag_id} again in {seconds:.0f} s: see `tieout logs`")
            time.sleep(0.5)

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> dict[str, Any]:
        """Start a run now. It has no logical date, so that the same day can be run any number of times."""
        return self._call(
            "POST", f"/dags/{dag_id}/dagRuns", json={"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        )

    def clear(self, dag_id: str, run_id: str, task_ids: list[str]) -> None:
        """Have these tasks of a run, and no others, run again."""
        body = {"dag_run_id": run_id, "task_ids": task_ids, "dry_run": False, "only_failed": False}
        self._call("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)

    def unpause(self, dag_id: str) -> None:
        self._call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        return self.get(f"/dags/{dag_id}/dagRuns/{run_id}")

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        return list(self._pages(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances"))

    def tasks(self, dag_id: str) -> list[dict[str, Any]]:
        return self.get(f"/dags/{dag_id}/tasks")["tasks"]

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str) -> Any | None:
        """A task's XCom value, None when it has none of that key."""
        import json

        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        entry = self._call("GET", path, missing_is_none=True)
        if entry is None:
            return None
        value = entry["value"]
        return json.loads(value) if isinstance(value, str) and value[:1] in '[{"' else value

    def log_lines(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[dict[str, Any]]:
        """The log of one try, as Airflow's structured lines ({"event": …, "level": …}). Empty when there is none."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{max(try_number, 1)}"
        body = self._call("GET", path, missing_is_none=True, params={"full_content": "true"})
        return [line if isinstance(line, dict) else {"event": line} for line in (body or {}).get("content", [])]

    def backfill(self, dag_id: str, first: date, last: date) -> int:
        """Start Airflow's backfill of the days from first to last, both included; returns its id."""
        from tieout.batch import Batch

        body = {
            "dag_id": dag_id,
            # Airflow creates the runs whose interval starts in this span.
            "from_date": Batch.of(first, "").interval_start.isoformat(),
            "to_date": Batch.of(last, "").interval_start.isoformat(),
            "reprocess_behavior": "completed",
            "max_active_runs": 1,
            "run_backwards": False,
        }
        return self._call("POST", "/backfills", json=body)["id"]

    def wait_for_backfill(self, dag_id: str, backfill: int, seconds: float) -> list[dict[str, Any]]:
        """The runs of a backfill, earliest day first, once all have ended. Raises StackError after `seconds`."""
        deadline = time.monotonic() + seconds
        while not (found := self.get(f"/backfills/{backfill}"))["completed_at"]:
            if time.monotonic() > deadline:
                raise StackError(f"backfill {backfill} of {dag_id} has not ended in {seconds:.0f} s")
            time.sleep(2)
        runs = self.runs(
            dag_id, run_type="backfill", logical_date_gte=found["from_date"], logical_date_lte=found["to_date"]
        )
        return sorted(runs, key=lambda run: run["logical_date"])

    def runs(self, dag_id: str, **filters: Any) -> list[dict[str, Any]]:
        return list(self._pages(f"/dags/{dag_id}/dagRuns", "dag_runs", **filters))

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        return self._call("GET", path, params=params)

    def _known(self, dag_id: str) -> bool:
        return self._call("GET", f"/dags/{dag_id}/details", missing_is_none=True) is not None

    def _pages(self, path: str, key: str, **params: Any) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = self.get(path, limit=_PAGE, offset=offset, **params)
            yield from page[key]
            offset += _PAGE
            if offset >= page["total_entries"]:
                return

    def _authenticate(self) -> None:
        response = self._http.post("/auth/token", json={"username": ADMIN, "password": self._password})
        if response.status_code != 201:
            raise StackError(
                f"Airflow at {self._url} refused the admin's password ({response.status_code}): it is another stack's; "
                "run `tieout status`"
            )
        self._http.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    def _call(self, method: str, path: str, missing_is_none: bool = False, **options: Any) -> Any:
        response = self._answer(method, path, **options)
        if response.status_code == _AUTHENTICATE_AGAIN:
            self._http.headers.pop("Authorization")
            response = self._answer(method, path, **options)
        if response.status_code == 404 and missing_is_none:
            return None
        if response.is_error:
            raise StackError(f"Airflow answered {response.status_code} to {method} {path}: {_detail(response)}")
        return response.json() if response.content else None

    def _answer(self, method: str, path: str, **options: Any) -> Any:
        """The answer to a request; what only reads is asked again where a busy server did not answer in time."""
        import httpx

        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if "Authorization" not in self._http.headers:
                    self._authenticate()
                return self._http.request(method, f"/api/v2{path}", headers={"Accept": "application/json"}, **options)
            except httpx.TransportError as error:
                if attempt == _ATTEMPTS or method != "GET":
                    what = str(error) or type(error).__name__
                    raise StackError(f"Airflow at {self._url} does not answer ({what}): run `tieout up`") from error
            time.sleep(attempt)
        raise AssertionError("the last attempt returns or raises")


def moment(text: str | None) -> datetime | None:
    """A time as Airflow writes it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def _detail(response: Any) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text[:500]


def _last_line(trace: str) -> str:
    return trace.strip().splitlines()[-1]
