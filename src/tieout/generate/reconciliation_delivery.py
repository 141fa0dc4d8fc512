"""`tieout generate reconciliation`: the rows of reconciliation.py into landing as Parquet, each folder with a manifest.

A file holds one table's rows of one batch. A folder's manifest comes first, saying that the delivery is unfinished, and
last, listing what is there: what is left of one that was interrupted is refused, and not loaded as if it were whole.
The same request gives the same files under the same names and replaces an earlier one of its seed and day; the
generated company, if there is one, is left as it is.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from tieout.extract.deliveries import MANIFEST_SUFFIX
from tieout.extract.manifests import manifest_text, unfinished_text
from tieout.generate.reconciliation import ENTITIES, Company, Items, ReconciliationError, Request
from tieout.generate.run import END
from tieout.generate.state import read_last_day
from tieout.generate.target import Target
from tieout.generate.world import CODES, CURRENCIES
from tieout.local.progress import Board

_NAME = "reconciliation"
# Files being encoded and sent; more would only hold memory.
_AT_ONCE = 2
_ROW_GROUP = 65_536
_DELETED_AT_ONCE = 1000  # S3 takes no more
# What is made where no organization has a NetSuite subsidiary; its number leaves those of a generated company free.
_COMPANY = ("Reconciliation Inc.", "US", "USD", 1001)
_DAYS_OF_RATES = 5
_USD_ONE = 10**10

Progress = Callable[[int, int, str], None]


@dataclass
class Delivered:
    """What was written. rows and files by entity ('stripe/balance_transactions'); faults by status."""

    day: date
    truth: Path
    rows: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def rows_a_second(self) -> int:
        return round(self.rows.total() / max(self.seconds, 1e-9))


def deliver(request: Request, target: Target | None = None, progress: Progress = lambda *_: None) -> Delivered:
    """Write both sides, the manifests and the truth. Raises ReconciliationError before anything is written."""
    started = time.monotonic()
    request.check()
    target = target or Target.of_settings()
    folders = {entity: f"{entity}/{request.day}/" for entity in ENTITIES}
    name = f"{_NAME}-{request.seed}"
    ours = _earlier(target, folders, name)
    with target.connect() as connection:
        items = Items(request, _companies(connection, request.day))
    manifests = {entity: f"{folder}{name}{MANIFEST_SUFFIX}" for entity, folder in folders.items()}
    # In place of an earlier request's, and before its files go.
    held_back = unfinished_text(
        f"`tieout generate reconciliation --seed {request.seed} --date {request.day}` was interrupted or is still "
        f"running: run it again to its end, or take away all files {name}-* and {name}{MANIFEST_SUFFIX} of the day"
    )
    for key in manifests.values():
        target.s3.put_object(Bucket=target.bucket, Key=key, Body=held_back.encode())
    _delete(target, [key for key in ours if key not in manifests.values()])

    truth = truth_file(target.truth, request.day, request.seed)
    truth.parent.mkdir(parents=True, exist_ok=True)
    done = Delivered(request.day, truth)
    listed: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    with truth.open("w", encoding="utf-8") as lines, _Sender(target) as sender:
        for number, start in enumerate(range(0, request.rows, request.batch), start=1):
            block = items.block(start)
            tables = block.tables() | (items.lists() if start == 0 else {})
            for entity, rows in tables.items():
                if rows.num_rows:
                    file = f"{name}-{number:04d}.parquet"
                    done.rows[entity] += rows.num_rows
                    done.files[entity] += 1
                    sender.send(folders[entity] + file, rows, listed[entity], file)
            for fault in block.truth():
                done.faults[fault["status"]] += 1
                lines.write(json.dumps(fault) + "\n")
            progress(min(start + request.batch, request.rows), request.rows, "writing both sides")
    for entity, files in listed.items():
        body = manifest_text(files).encode()
        target.s3.put_object(Bucket=target.bucket, Key=manifests[entity], Body=body)
    _delete(target, [key for entity, key in manifests.items() if entity not in listed])
    done.seconds = time.monotonic() - started
    return done


def truth_file(folder: Path, day: date, seed: int) -> Path:
    """Where the truth of a request is: a line of JSON a fault, as Block.truth gives them."""
    return folder / _NAME / f"{day}-seed-{seed}.jsonl"


def run(request_of: Callable[[date], Request], day: str | None) -> None:
    """Make the delivery of a day (of the day after the generated company's last one if None), and show what it is."""
    target = Target.of_settings()
    request = request_of(_day(day, target))
    with Board(width=14) as board:
        step = board.step(_NAME, "drawing both sides")
        done = deliver(request, target, lambda at, total, what: step.update(what, at, total))
        step.finish(
            f"{done.rows.total():,} rows in {done.files.total()} files in {done.seconds:.1f} s: "
            f"{done.rows_a_second:,} rows/s"
        )
    Console().print(_table(done))


def _day(text: str | None, target: Target) -> date:
    if text is None:
        with target.connect() as connection:
            last_day = read_last_day(connection)
        return last_day + timedelta(days=1) if last_day else END
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ReconciliationError(f"--date {text!r} is not a day: write it as YYYY-MM-DD") from error


def _table(done: Delivered) -> Table:
    table = Table(title=f"delivered for {done.day}")
    table.add_column("landing")
    table.add_column("files", justify="right")
    table.add_column("rows", justify="right")
    for entity in done.files:
        table.add_row(f"{entity}/{done.day}", f"{done.files[entity]:,}", f"{done.rows[entity]:,}")
    faults = ", ".join(f"{status} {count:,}" for status, count in done.faults.items()) or "none"
    table.caption = f"faults: {faults}\ntheir ids: {done.truth}\nreconcile them: tieout run --date {done.day}"
    return table


def _earlier(target: Target, folders: dict[str, str], name: str) -> list[str]:
    """Keys of an earlier delivery of the same seed and day.

    Raises ReconciliationError when a folder has files that no manifest would list: its table would be refused.
    """
    ours, others = [], []
    for folder in folders.values():
        for page in target.s3.get_paginator("list_objects_v2").paginate(Bucket=target.bucket, Prefix=folder):
            for item in page.get("Contents", []):
                file = item["Key"].rsplit("/", 1)[-1]
                if file.startswith((f"{name}-", f"{name}.")):
                    ours.append(item["Key"])
                elif not file.startswith(f"{_NAME}-"):
                    others.append(item["Key"])
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise ReconciliationError(
            f"the day has deliveries already ({others[0]}{more}), which the manifests would not list: "
            "give another --date"
        )
    return ours


def _delete(target: Target, keys: list[str]) -> None:
    for first in range(0, len(keys), _DELETED_AT_ONCE):
        objects = [{"Key": key} for key in keys[first : first + _DELETED_AT_ONCE]]
        target.s3.delete_objects(Bucket=target.bucket, Delete={"Objects": objects})


def _companies(connection: psycopg.Connection, day: date) -> list[Company]:
    """The organizations that have a NetSuite subsidiary, with the currencies they have rates of; one is made for none.

    Raises ReconciliationError when the database is not migrated or lacks a currency.
    """
    try:
        known = dict(connection.execute("select code, minor_unit from currencies").fetchall())
    except psycopg.errors.UndefinedTable as error:
        raise ReconciliationError("the app database has no tables: start the stack with `tieout up`") from error
    wrong = [c.code for c in CURRENCIES if known.get(c.code) != c.minor_unit]
    if wrong:
        raise ReconciliationError(
            f"app_db.currencies lacks {', '.join(wrong)}, or has other digits for it: put it right as in "
            "postgres/migrations/0001_reference.sql"
        )
    if not connection.execute("select 1 from organizations where netsuite_subsidiary_id is not null").fetchone():
        connection.execute(
            "insert into organizations (name, country, base_currency, netsuite_subsidiary_id) values (%s, %s, %s, %s)",
            _COMPANY,
        )
    _book_rates(connection, day)
    return list(_read_companies(connection))


def _book_rates(connection: psycopg.Connection, day: date) -> None:
    """Spot rates of the organization made here; those of others are theirs to book."""
    rates = [
        (currency.code, Decimal(currency.usd) / _USD_ONE, day - timedelta(days=_DAYS_OF_RATES), _COMPANY[0])
        for currency in CURRENCIES
        if currency.code != _COMPANY[2]
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into fx_rates (org_id, from_currency, to_currency, rate_type, rate_date, rate) "
            "select id, %s, base_currency, 'spot', %s, %s from organizations where name = %s and base_currency = 'USD' "
            "on conflict do nothing",
            [(code, on, rate, name) for code, rate, on, name in rates],
        )


def _read_companies(connection: psycopg.Connection) -> Iterator[Company]:
    rows = connection.execute(
        "select o.id::text, o.name, o.country, o.netsuite_subsidiary_id, o.base_currency, "
        "coalesce(array_agg(distinct r.from_currency) filter (where r.from_currency is not null), '{}') "
        "from organizations o left join fx_rates r "
        "on r.org_id = o.id and r.to_currency = o.base_currency and r.rate_type = 'spot' "
        "where o.netsuite_subsidiary_id is not null group by o.id order by o.netsuite_subsidiary_id"
    )
    for id_, name, country, subsidiary, base, others in rows.fetchall():
        # A base currency that cards are not taken in is no reason to leave the organization out.
        at = CODES.index(base) if base in CODES else -1
        currencies = {at} - {-1} | {CODES.index(code) for code in others if code in CODES}
        if currencies:
            yield Company(id_, name, country, subsidiary, at, tuple(sorted(currencies)))


class _Sender:
    """Encodes and uploads files beside the drawing of the next; leaving the block waits for all."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="generate-parquet")
        self._sent: list[Future[None]] = []

    def __enter__(self) -> _Sender:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._settle(0)
        finally:
            self._pool.shutdown(cancel_futures=True)

    def send(self, key: str, rows: pa.Table, listed: dict[str, dict[str, Any]], file: str) -> None:
        """Write rows to an object; `listed` gets what a manifest says of it."""
        self._settle(_AT_ONCE)
        self._sent.append(self._pool.submit(self._write, key, rows, listed, file))

    def _settle(self, left: int) -> None:
        while len(self._sent) > left:
            self._sent.pop(0).result()

    def _write(self, key: str, rows: pa.Table, listed: dict[str, dict[str, Any]], file: str) -> None:
        buffer = pa.BufferOutputStream()
        # A dictionary pays for what repeats: not for ids, amounts and moments.
        repeat = [c.name for c in rows.schema if pa.types.is_string(c.type) and not c.name.endswith(("id", "number"))]
        pq.write_table(rows, buffer, row_group_size=_ROW_GROUP, use_dictionary=repeat)
        body = buffer.getvalue().to_pybytes()
        self._target.s3.put_object(Bucket=self._target.bucket, Key=key, Body=body)
        listed[file] = {
            "rows": rows.num_rows,
            "sha256": hashlib.sha256(body).hexdigest(),
            "columns": {column.name: str(column.type) for column in rows.schema},
        }
