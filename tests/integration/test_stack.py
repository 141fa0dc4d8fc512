"""The stack as its users meet it: through the command line, Trino, S3, PyIceberg and Airflow's login."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import psutil
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from tieout import connections
from tieout.local import health, layout, leftovers, secrets, supervise
from tieout.local.status import collect
from tieout.settings import get_settings

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("stack")]

TIEOUT = Path(sys.executable).parent / "tieout"


def tieout(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TIEOUT, *arguments], capture_output=True, text=True, timeout=300, env={**os.environ, **environment}
    )


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.5)


def state_of(name: str) -> str:
    return next(row.state for row in collect() if row.name == name)


@pytest.fixture(scope="module")
def gold(stack: None) -> Iterator[str]:
    """A published view as publish makes them, over a candidate table that readers may not touch."""
    connections.execute("create table lake.gold_candidate.stack_test (id bigint, amount decimal(19,4))")
    connections.execute(
        "insert into lake.gold_candidate.stack_test values (1, 0.1), (2, -1234567890123.4567), (3, null)"
    )
    connections.execute("create view lake.gold.stack_test as select * from lake.gold_candidate.stack_test")
    yield "lake.gold.stack_test"
    connections.execute("drop view lake.gold.stack_test")
    connections.execute("drop table lake.gold_candidate.stack_test")


class TestStatus:
    def test_json_names_every_service(self) -> None:
        result = tieout("status", "--json")
        assert result.returncode == 0, result.stderr
        rows = {row["name"]: row for row in json.loads(result.stdout)}
        airflow = {f"airflow-{part}" for part in ("api", "scheduler", "dag-processor", "triggerer")}
        assert set(rows) == {"postgres", "minio", "trino"} | airflow
        assert {row["state"] for row in rows.values()} == {"running"}
        settings = get_settings()
        assert {name: row["port"] for name, row in rows.items() if row["port"]} == {
            "postgres": settings.postgres_port,
            "minio": settings.minio_port,
            "trino": settings.trino_port,
            "airflow-api": settings.airflow_port,
        }
        assert rows["postgres"]["version"].startswith("18.")
        assert rows["trino"]["version"] == "476"
        assert rows["airflow-api"]["version"].startswith("3.")

    def test_the_whole_stack_stays_under_8_gib(self) -> None:
        used = {row.name: row.memory_mib for row in collect()}
        assert all(used.values()), used
        assert sum(used.values()) < 8 * 1024, used

    def test_everything_listens_on_loopback_only(self) -> None:
        pids = {process.pid for process in leftovers.find()}
        for row in collect():
            assert row.pid
            pids |= {row.pid, *(child.pid for child in psutil.Process(row.pid).children(recursive=True))}
        open_to_others = [
            connection.laddr
            for connection in psutil.net_connections("inet")
            if connection.pid in pids
            and connection.status == psutil.CONN_LISTEN
            and connection.laddr.ip not in ("127.0.0.1", "::1", "::ffff:127.0.0.1")
        ]
        assert open_to_others == []


class TestUp:
    def test_a_second_up_finds_everything_there(self) -> None:
        before = {row.name: row.pid for row in collect()}
        started = time.monotonic()
        result = tieout("up")
        assert result.returncode == 0, result.stderr
        assert time.monotonic() - started < 60
        assert {row.name: row.pid for row in collect()} == before

    def test_a_port_in_use_is_one_clear_line(self, tmp_path: Path) -> None:
        result = tieout("up", TIEOUT_HOME=str(tmp_path / "home"))
        assert result.returncode == 1
        port = get_settings().postgres_port
        assert result.stderr.startswith(f"error: port {port} (Postgres) is in use by postgres (pid ")
        assert result.stderr.endswith("set TIEOUT_POSTGRES_PORT to a free port\n")
        assert result.stderr.count("\n") == 1

    def test_other_settings_for_a_running_stack_are_refused(self) -> None:
        result = tieout("up", TIEOUT_TRINO_HEAP="3G")
        assert result.returncode == 1
        assert "runs with other settings than these: run `tieout down` first" in result.stderr

    def test_no_secret_is_in_any_file_but_its_own(self) -> None:
        # The two S3 users' names are no secrets: Trino prints the one it uses.
        names = [name for name in secrets.GENERATORS if name not in ("lake_access_key", "minio_root_user")]
        values = [get_settings().reveal(name) for name in names]
        written = [layout.home("supervisord.conf"), *layout.home("logs").glob("*.log")]
        for path in written:
            text = path.read_text(errors="replace")
            assert not [name for name, value in zip(names, values, strict=True) if value in text], path


class TestSql:
    STATEMENT = "select id, amount from lake.gold.stack_test order by id"

    def test_csv_is_exact(self, gold: str) -> None:
        result = tieout("sql", self.STATEMENT, "--format", "csv")
        assert list(csv.reader(io.StringIO(result.stdout))) == [
            ["id", "amount"],
            ["1", "0.1000"],
            ["2", "-1234567890123.4567"],
            ["3", ""],
        ]

    def test_json_is_exact(self, gold: str) -> None:
        result = tieout("sql", self.STATEMENT, "--format", "json")
        assert json.loads(result.stdout) == [
            {"id": 1, "amount": "0.1000"},
            {"id": 2, "amount": "-1234567890123.4567"},
            {"id": 3, "amount": None},
        ]

    def test_a_table_shows_whole_numbers(self, gold: str) -> None:
        assert "-1234567890123.4567" in tieout("sql", self.STATEMENT).stdout

    def test_a_wrong_statement_is_one_clear_line(self) -> None:
        result = tieout("sql", "select * from lake.gold.no_such_table")
        assert result.returncode == 1
        assert result.stderr.startswith("error: TABLE_NOT_FOUND: ")
        assert result.stderr.count("\n") == 1


class TestAccess:
    def test_analysts_read_gold(self, gold: str) -> None:
        result = tieout("sql", f"select sum(amount) from {gold}", "--format", "csv", "--user", "analyst")
        assert result.stdout.splitlines()[1] == "-1234567890123.3567"

    @pytest.mark.parametrize(
        "statement",
        [
            "select * from lake.gold_candidate.stack_test",
            "select * from lake.ops.runs",
            "insert into lake.gold_candidate.stack_test values (9, 9)",
            "create table lake.gold.mine (id bigint)",
            "create table lake.scratch.mine (id bigint)",
            "create view lake.gold.mine as select 1 one",
            "drop view lake.gold.stack_test",
            "create schema lake.mine",
            "call lake.system.rollback_to_snapshot('gold_candidate', 'stack_test', 1)",
        ],
    )
    def test_analysts_may_do_nothing_else(self, gold: str, statement: str) -> None:
        result = tieout("sql", statement, "--user", "analyst")
        assert result.returncode == 1
        assert "PERMISSION_DENIED" in result.stderr

    def test_analysts_see_only_gold(self, gold: str) -> None:
        result = tieout("sql", "show schemas from lake", "--format", "csv", "--user", "analyst")
        assert result.stdout.split() == ["Schema", "gold", "information_schema"]

    def test_the_lake_s_key_opens_its_buckets_only(self) -> None:
        client = connections.s3_client()
        client.put_object(Bucket="landing", Key="stack_test/file", Body=b"x")
        client.delete_object(Bucket="landing", Key="stack_test/file")
        with pytest.raises(ClientError, match="AccessDenied"):
            client.create_bucket(Bucket="another")

    def test_airflow_s_admin_has_the_generated_password(self) -> None:
        settings = get_settings()
        url = f"{settings.airflow_url}/auth/token"
        right = {"username": "admin", "password": settings.reveal("airflow_admin_password")}
        assert httpx.post(url, json=right).status_code == 201
        assert httpx.post(url, json={**right, "password": "wrong"}).status_code == 401


class TestCatalog:
    """Trino and PyIceberg work on the same tables, both ways."""

    AMOUNT = pa.schema([("amount", pa.decimal128(19, 4))])

    def test_trino_and_pyiceberg_share_tables(self) -> None:
        catalog = connections.iceberg_catalog()
        table = catalog.create_table("scratch.both", schema=self.AMOUNT)
        try:
            table.append(pa.table({"amount": [Decimal("0.1000")]}, schema=self.AMOUNT))
            connections.execute("insert into lake.scratch.both values decimal '0.2000'")
            assert connections.query("select sum(amount) from lake.scratch.both") == [(Decimal("0.3000"),)]
            rows = catalog.load_table("scratch.both").scan().to_arrow()["amount"].to_pylist()
            assert sorted(rows) == [Decimal("0.1000"), Decimal("0.2000")]
        finally:
            connections.execute("drop table lake.scratch.both")
        assert not catalog.table_exists("scratch.both")

    def test_pyiceberg_does_not_trip_over_trino_s_views(self, gold: str) -> None:
        names = {name for _, name in connections.iceberg_catalog().list_tables("gold")}
        assert "stack_test" not in names


class TestRecovery:
    """A crash of any part mends itself; nothing but a pid is used to cause one."""

    @pytest.mark.parametrize("name", ["minio", "postgres", "airflow-triggerer"])
    def test_a_killed_service_comes_back(self, name: str) -> None:
        pid = supervise.processes()[name]["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: supervise.processes()[name]["pid"] not in (0, pid))
        wait_for(lambda: state_of(name) == "running")

    def test_the_lake_is_whole_afterwards(self) -> None:
        wait_for(lambda: all(row.state == "running" for row in collect()))
        health.verify_infrastructure()
        assert connections.query("select 1") == [(1,)]
