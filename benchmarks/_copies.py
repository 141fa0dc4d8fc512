"""A generated company many times over, inside Postgres: the same customers with k times the documents.

The generator makes one company in all its variety; here each of its documents, payments, allocations, credit notes,
bank bookings and ledger lines is copied with ids and numbers of its own, so that ledgers balance and sub-ledgers tie in
every copy. What a day changes in the generated company is changed in all copies. Extracts of Stripe and NetSuite, and
everything else, stay as generated.

An id's copy keeps its leading digits, which are its time (UUIDv7): copies index and sort as rows of their day do, and
stand in the table beside those of their day.
"""

from __future__ import annotations

from collections import Counter

import psycopg
from psycopg import sql

# Columns that differ from copy to copy: ids, among them those that name copied rows, and numbers that are unique.
IDS = {
    "ar_invoices": ("id",),
    "ap_bills": ("id",),
    "payments": ("id",),
    "payment_allocations": ("id", "payment_id", "ar_invoice_id", "ap_bill_id"),
    "credit_notes": ("id", "ar_invoice_id", "ap_bill_id"),
    "bank_transactions": ("id", "payment_id", "transfer_group_id"),
    "gl_entries": ("id", "journal_id", "document_id"),
}
NUMBERS = {
    "ar_invoices": ("invoice_number",),
    "ap_bills": ("bill_number",),
    "payments": ("processor_reference",),
    "credit_notes": ("credit_note_number",),
}
# Keeping indexes that no query of a run reads would take most of the time.
_SPARE_INDEXES = """
select indexname
from pg_indexes
where schemaname = 'public' and tablename = any (%s)
  and indexdef not like '%%UNIQUE%%' and indexname not like '%%updated_at'
"""


class Copies:
    """The generated rows of an app database, and ``count`` copies of each beside them."""

    def __init__(self, connection: psycopg.Connection, count: int) -> None:
        self._connection, self._count = connection, count

    def make(self) -> None:
        """Copy all that was generated, once."""
        # Without looking up every copy's parents, for which the spare indexes would be needed; the generator has proved
        # the originals, and lives on without them too.
        self._connection.execute("set session_replication_role = replica")
        self._connection.execute("alter database app set session_replication_role = replica")
        with self._connection.transaction():
            for (index,) in self._connection.execute(_SPARE_INDEXES, (list(IDS),)).fetchall():
                self._connection.execute(sql.SQL("drop index public.{}").format(sql.Identifier(index)))
            self._connection.execute("create schema bench")
            for table in IDS:
                self._connection.execute(
                    sql.SQL("create table bench.{0} as select id from public.{0}").format(sql.Identifier(table))
                )
                self._write(table)
        # Visibility is known of every page, so that reading keys alone reads an index alone, as after autovacuum.
        self._connection.execute("vacuum analyze")

    def mark(self) -> None:
        """Remember this moment: `follow` copies what changes after it, by the transaction that wrote it."""
        (self._moment,) = self._connection.execute(
            "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
        ).fetchone()

    def follow(self) -> Counter[str]:
        """Do to the copies what was done to the generated rows since `mark`; returns copies changed, by table."""
        changed: Counter[str] = Counter()
        with self._connection.transaction():
            for table in IDS:
                name = sql.Identifier(table)
                gone = self._connection.execute(
                    sql.SQL(
                        "delete from public.{0} as copied using bench.{0} as held, generate_series(1, {1}) as number"
                        " where copied.id = {2} and not exists (select from public.{0} where id = held.id)"
                    ).format(name, sql.Literal(self._count), _copied(sql.SQL("held.id")))
                )
                # What came since is an original too, and may go on a later day.
                self._connection.execute(
                    sql.SQL("insert into bench.{0} select id from public.{0} where {1}").format(name, self._since())
                )
                changed[table] = gone.rowcount + self._write(table, self._since())
        return changed

    def _since(self) -> sql.Composable:
        return sql.SQL("xmin::text::bigint >= {}").format(sql.Literal(self._moment))

    def _write(self, table: str, changed: sql.Composable | None = None) -> int:
        name = sql.Identifier(table)
        columns = [
            column
            for (column,) in self._connection.execute(
                "select column_name from information_schema.columns"
                " where table_schema = 'public' and table_name = %s order by ordinal_position",
                (table,),
            )
        ]
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        values = sql.SQL(", ").join(_value(table, column) for column in columns)
        again = sql.SQL("")
        if changed:
            again = sql.SQL(" on conflict (id) do update set {}").format(
                sql.SQL(", ").join(
                    sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in columns if column != "id"
                )
            )
        return self._connection.execute(
            sql.SQL(
                "with made as materialized (select * from public.{0} where {1}) insert into public.{0} ({2})"
                " select {3} from made cross join generate_series(1, {4}) as number order by made.id, number{5}"
            ).format(name, changed or sql.SQL("true"), names, values, sql.Literal(self._count), again)
        ).rowcount


def _value(table: str, column: str) -> sql.Composable:
    if column in IDS[table]:
        return _copied(sql.SQL("made.{}").format(sql.Identifier(column)))
    if column in NUMBERS.get(table, ()):
        return sql.SQL("made.{} || '-' || number").format(sql.Identifier(column))
    return sql.SQL("made.{}").format(sql.Identifier(column))


def _copied(identifier: sql.Composable) -> sql.Composed:
    """The id with its last 16 bits changed by the copy's number, which is not 0: no copy has its original's id."""
    return sql.SQL(
        "(left({0}::text, 32) || lpad(to_hex(('x' || right({0}::text, 4))::bit(16)::integer # number), 4, '0'))::uuid"
    ).format(identifier)
