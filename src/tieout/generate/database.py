"""Generated rows into the app database: COPY for what is new, set-based updates and deletes for what changed."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Sequence

import psycopg
import pyarrow as pa
import pyarrow.csv
from psycopg import sql

# Tables waiting for the database; more than a few would only hold memory.
_WAITING = 4
_WRITE = pa.csv.WriteOptions(include_header=False, quoting_style="needed")


def identifier(table: str) -> sql.Identifier:
    """A table as it is named in life.TABLES: one of public has no schema before it."""
    schema, _, name = table.rpartition(".")
    return sql.Identifier(schema or "public", name)


def copy(conn: psycopg.Connection, table: sql.Composable, rows: pa.Table) -> None:
    """Append ``rows``, whose columns are named as the table's, to ``table``."""
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        table, sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    )
    text = io.BytesIO()
    pa.csv.write_csv(rows, text, _WRITE)
    with conn.cursor().copy(statement) as out:
        out.write(text.getbuffer())


def update(conn: psycopg.Connection, table: str, rows: pa.Table) -> None:
    """Write all columns of ``rows`` over those of the rows with the same id."""
    staged, target = sql.Identifier("new_rows"), identifier(table)
    columns = [name for name in rows.column_names if name not in ("id", "created_at")]
    conn.execute(sql.SQL("create temporary table {} (like {}) on commit drop").format(staged, target))
    copy(conn, staged, rows)
    conn.execute(
        sql.SQL("update {} as old set {} from {} as new where old.id = new.id").format(
            target,
            sql.SQL(", ").join(sql.SQL("{0} = new.{0}").format(sql.Identifier(name)) for name in columns),
            staged,
        )
    )
    conn.execute(sql.SQL("drop table {}").format(staged))


def delete(conn: psycopg.Connection, table: str, ids: Sequence[str]) -> None:
    conn.execute(
        sql.SQL("delete from {} where id = any(%s::uuid[])").format(identifier(table)),
        (list(ids),),
    )


def keep_timestamps(conn: psycopg.Connection) -> None:
    """Until the transaction ends, created_at and updated_at are kept as written: see migration 0001."""
    conn.execute("set local tieout.clock = 'supplied'")


def suspend_checks(conn: psycopg.Connection) -> bool:
    """Until the transaction ends, leave foreign keys and triggers to `prove`; false where the user may not do that.

    A foreign key looked up row by row costs more than all the rest of a COPY (measured: two thirds of it). The triggers
    of migration 0010, budget limits and their audit, fire all the same.
    """
    try:
        with conn.transaction():
            conn.execute("set local session_replication_role = replica")
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def prove(conn: psycopg.Connection, tables: Sequence[str]) -> None:
    """Check set by set what the suspended foreign keys and triggers of ``tables`` would have checked row by row.

    The foreign keys are read from the catalog, so that none can be forgotten. Raises IntegrityError.
    """
    for name, statement in [*_foreign_keys(conn, tables), *_RULES.items()]:
        found = conn.execute(statement).fetchone()
        if found is not None:
            raise psycopg.IntegrityError(f"generated rows break {name}: {found}; nothing was kept")


# What migrations 0003 and 0004 check by trigger, as queries that must find nothing.
_RULES = {
    "gl_entries_journal_balances": sql.SQL(
        "select journal_id, currency, sum(amount) from public.gl_entries"
        " group by journal_id, org_id, currency having sum(amount) <> 0 limit 1"
    ),
    "payment_allocations_within_payment": sql.SQL(
        "select p.id, p.amount, a.allocated from public.payments as p join ("
        "select payment_id, sum(amount) as allocated, count(ar_invoice_id) as invoices, count(ap_bill_id) as bills"
        " from public.payment_allocations group by payment_id) as a on a.payment_id = p.id"
        " where a.allocated > p.amount or (p.direction = 'in' and a.bills > 0)"
        " or (p.direction = 'out' and a.invoices > 0) limit 1"
    ),
}


def _foreign_keys(conn: psycopg.Connection, tables: Sequence[str]) -> list[tuple[str, sql.Composed]]:
    """For each foreign key of ``tables`` its name and a query for a row without its parent."""
    keys = conn.execute(
        """
        select conname, child.relnamespace::regnamespace::text || '.' || child.relname,
          parent.relnamespace::regnamespace::text || '.' || parent.relname,
          (select array_agg(attname::text order by place) from unnest(conkey) with ordinality as k (number, place)
           join pg_attribute on attrelid = conrelid and attnum = k.number),
          (select array_agg(attname::text order by place) from unnest(confkey) with ordinality as k (number, place)
           join pg_attribute on attrelid = confrelid and attnum = k.number)
        from pg_constraint
        join pg_class as child on child.oid = conrelid
        join pg_class as parent on parent.oid = confrelid
        where contype = 'f' and conrelid = any (%s::regclass[])
        order by conname
        """,
        ([identifier(table).as_string() for table in tables],),
    ).fetchall()
    queries = []
    for name, child, parent, own, theirs in keys:
        same = [
            sql.SQL("p.{} = c.{}").format(sql.Identifier(their), sql.Identifier(our))
            for our, their in zip(own, theirs, strict=True)
        ]
        known = [sql.SQL("c.{} is not null").format(sql.Identifier(our)) for our in own]
        query = sql.SQL(
            "select c::text from {} as c where {} and not exists (select from {} as p where {}) limit 1"
        ).format(
            identifier(child),
            sql.SQL(" and ").join(known),
            identifier(parent),
            sql.SQL(" and ").join(same),
        )
        queries.append((name, query))
    return queries


class Loader:
    """COPY in a thread of its own, in the order given, so that making rows and storing them overlap.

    The connection belongs to the loader until it is left. An error in the thread is raised at the next call.
    """

    def __init__(self, conn: psycopg.Connection) -> None:
        self._conn = conn
        self._waiting: queue.Queue[tuple[str, pa.Table] | None] = queue.Queue(_WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="generate-copy", daemon=True)

    def __enter__(self) -> Loader:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._waiting.put(None)
        self._thread.join()
        if kind is None:
            self._raise()

    def add(self, table: str, rows: pa.Table) -> None:
        self._raise()
        self._waiting.put((table, rows))

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            # After an error the queue is only emptied, so that add() never waits for ever.
            if self._error is None:
                try:
                    copy(self._conn, identifier(item[0]), item[1])
                except BaseException as error:
                    self._error = error
