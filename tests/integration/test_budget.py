"""Budget execution on a real Postgres: limits that hold under concurrent writers, calls that can be repeated, and an
audit that has every change."""

from __future__ import annotations

import json
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from tests.app_database import Connect, app_database

from tieout import budget
from tieout.budget import Line, Proposal, Voucher, WorkItem
from tieout.settings import PROJECT_ROOT

pytestmark = pytest.mark.integration

TABLES = ("budget_line_items", "allotments", "obligations", "disbursements")
AUDITED = (
    "program_budgets",
    *TABLES,
    "budgeting.budget_proposals",
    "budgeting.budget_justifications",
    "budgeting.work_items",
)
DAY = date(2026, 1, 5)
CHECK = psycopg.errors.CheckViolation


@pytest.fixture(scope="module")
def connect(stack: None) -> Iterator[Connect]:
    with app_database("test_budget") as connect:
        yield connect


@pytest.fixture
def db(connect: Connect) -> Iterator[psycopg.Connection]:
    """A connection whose work is rolled back."""
    with connect() as conn:
        yield conn
        conn.rollback()


def insert(db: psycopg.Connection, table: str, **values: Any) -> UUID:
    names = ", ".join(values)
    marks = ", ".join(["%s"] * len(values))
    return db.execute(f"insert into {table} ({names}) values ({marks}) returning id", list(values.values())).fetchone()[
        0
    ]


@dataclass(frozen=True)
class Program:
    """An organization with a program, and a line item of 1,000 dollars on it."""

    org: UUID
    program: UUID
    account: UUID
    line: UUID

    @classmethod
    def adopted(cls, db: psycopg.Connection, amount: str = "1000") -> Program:
        org = insert(db, "organizations", name="One", country="US", base_currency="USD")
        account = insert(
            db,
            "gl_accounts",
            org_id=org,
            account_code="6300",
            name="X",
            account_type="expense",
            normal_side="debit",
        )
        program = insert(
            db,
            "program_budgets",
            org_id=org,
            program_code="P1",
            name="Roads",
            fiscal_year=2026,
            currency="USD",
            adopted_on=DAY,
        )
        return cls(org, program, account, cls.add_line(db, org, program, account, amount))

    @staticmethod
    def add_line(db: psycopg.Connection, org: UUID, program: UUID, account: UUID, amount: str, **more: Any) -> UUID:
        values = {
            "org_id": org,
            "program_budget_id": program,
            "account_id": account,
            "line_number": str(uuid4()),
            "currency": "USD",
            "amount": Decimal(amount),
            "entry_date": DAY,
        }
        return insert(db, "budget_line_items", **{**values, **more})

    def amend(self, db: psycopg.Connection, amount: str) -> UUID:
        return self.add_line(db, self.org, self.program, self.account, amount, adjusts_id=self.line)


@pytest.fixture
def program(db: psycopg.Connection) -> Program:
    return Program.adopted(db)


def voucher(reference: str | None = None, on: date = DAY) -> Voucher:
    return Voucher(reference or str(uuid4()), on, "ada")


def chain(db: psycopg.Connection, program: Program) -> dict[str, UUID]:
    """600 of the 1,000 released, 500 of them committed, 400 of those paid. Ids by table."""
    allotment = budget.release_quarterly_allotment(db, program.line, 1, Decimal("600"), voucher()).id
    obligation = budget.record_obligation(db, allotment, Decimal("500"), voucher()).id
    disbursement = budget.record_disbursement(db, obligation, Decimal("400"), voucher()).id
    ids = (program.line, allotment, obligation, disbursement)
    return dict(zip(TABLES, ids, strict=True))


def balance(db: psycopg.Connection, entry: UUID) -> tuple[Decimal, Decimal]:
    return db.execute(
        "select standing_amount, used_amount from internal.budget_balances where entry_id = %s", (entry,)
    ).fetchone()


PARENTS = {"budget_line_items": None, "allotments": "budget_line_item_id", "obligations": "allotment_id"}
PARENTS["disbursements"] = "obligation_id"


def assert_balances_are_sums(db: psycopg.Connection) -> None:
    """The kept balances are what adding up every row again gives, and every limit holds."""
    parts = [
        f"select coalesce(adjusts_id, id) as entry_id, {level} as level, amount as standing, 0 as used from {table}"
        for level, table in enumerate(TABLES, start=1)
    ]
    parts += [
        f"select {PARENTS[table]}, {level - 1}, 0, amount from {table}"
        for level, table in enumerate(TABLES, start=1)
        if PARENTS[table]
    ]
    summed = db.execute(
        f"select entry_id, level, sum(standing), sum(used) from ({' union all '.join(parts)}) as t group by 1, 2"
    ).fetchall()
    kept = db.execute("select entry_id, level, standing_amount, used_amount from internal.budget_balances").fetchall()
    assert sorted(summed) == sorted(kept)
    assert all(0 <= used <= standing for _, _, standing, used in summed)


class TestLimits:
    @pytest.mark.parametrize(
        ("call", "parent", "error", "limit", "used"),
        [
            (budget.record_disbursement, "obligations", budget.ObligationExceeded, "500", "400"),
            (budget.record_obligation, "allotments", budget.AllotmentExceeded, "600", "500"),
            (
                lambda db, line, amount, paper: budget.release_quarterly_allotment(db, line, 2, amount, paper),
                "budget_line_items",
                budget.LineItemExceeded,
                "1000",
                "600",
            ),
        ],
        ids=["disbursement", "obligation", "allotment"],
    )
    def test_what_is_left_can_be_had_to_the_last_cent_and_not_further(
        self,
        db: psycopg.Connection,
        program: Program,
        call: Callable[..., budget.Entry],
        parent: str,
        error: type[budget.LimitExceeded],
        limit: str,
        used: str,
    ) -> None:
        entry = chain(db, program)[parent]
        left = Decimal(limit) - Decimal(used)
        with pytest.raises(error, match="is left: ask for less, or raise") as refused:
            call(db, entry, left + Decimal("0.0001"), voucher())
        found = refused.value
        assert (found.limit, found.used, found.asked) == (Decimal(limit), Decimal(used), left + Decimal("0.0001"))
        assert found.left == left
        call(db, entry, left, voucher())
        assert balance(db, entry) == (Decimal(limit), Decimal(limit))
        assert_balances_are_sums(db)

    @pytest.mark.parametrize(
        ("statement", "constraint"),
        [
            ("update budget_line_items set amount = 599.9999", "allotments_within_line_item"),
            ("update allotments set amount = 499.9999", "obligations_within_allotment"),
            ("update obligations set amount = 399.9999", "disbursements_within_obligation"),
            ("update allotments set amount = 1000.0001", "allotments_within_line_item"),
            ("update obligations set amount = 600.0001", "obligations_within_allotment"),
            ("update disbursements set amount = 500.0001", "disbursements_within_obligation"),
        ],
    )
    def test_plain_sql_is_held_to_them_too(
        self, db: psycopg.Connection, program: Program, statement: str, constraint: str
    ) -> None:
        chain(db, program)
        with pytest.raises(CHECK) as refused:
            db.execute(statement)
        assert refused.value.diag.constraint_name == constraint
        assert refused.value.diag.message_hint

    def test_a_parent_may_be_lowered_to_what_is_used(self, db: psycopg.Connection, program: Program) -> None:
        chain(db, program)
        db.execute("update obligations set amount = 400")
        db.execute("update allotments set amount = 400")
        db.execute("update budget_line_items set amount = 400")
        assert_balances_are_sums(db)

    def test_an_amendment_moves_the_limit(self, db: psycopg.Connection, program: Program) -> None:
        chain(db, program)
        with pytest.raises(budget.LineItemExceeded):
            budget.release_quarterly_allotment(db, program.line, 2, Decimal("450"), voucher())
        program.amend(db, "50")
        budget.release_quarterly_allotment(db, program.line, 2, Decimal("450"), voucher())
        with pytest.raises(CHECK, match="cannot give"):
            program.amend(db, "-0.0001")

    @pytest.mark.parametrize("table", ["obligations", "disbursements", "allotments"])
    def test_a_child_that_moves_has_to_fit(self, db: psycopg.Connection, program: Program, table: str) -> None:
        ids = chain(db, program)
        small = Program.add_line(db, program.org, program.program, program.account, "399.9999")
        if table != "allotments":
            small = budget.release_quarterly_allotment(db, small, 1, Decimal("399.9999"), voucher()).id
        if table == "disbursements":
            small = budget.record_obligation(db, small, Decimal("399.9999"), voucher()).id
        move = f"update {table} set {PARENTS[table]} = %s where id = %s"
        with pytest.raises(CHECK, match=r"cannot give [46]00\.0000|cannot give 500\.0000"), db.transaction():
            db.execute(move, (small, ids[table]))
        if table == "disbursements":
            db.execute("update disbursements set amount = 399")
            db.execute(move, (small, ids[table]))
            assert balance(db, ids["obligations"]) == (Decimal(500), Decimal(0))
            assert balance(db, small) == (Decimal("399.9999"), Decimal(399))
        assert_balances_are_sums(db)

    def test_a_deleted_child_gives_back_what_it_used(self, db: psycopg.Connection, program: Program) -> None:
        ids = chain(db, program)
        for table in reversed(TABLES[1:]):
            db.execute(f"delete from {table} where id = %s", (ids[table],))
        assert balance(db, program.line) == (Decimal(1000), Decimal(0))
        assert_balances_are_sums(db)

    def test_a_parent_with_children_cannot_be_deleted(self, db: psycopg.Connection, program: Program) -> None:
        ids = chain(db, program)
        with pytest.raises(psycopg.errors.RestrictViolation):
            db.execute("delete from obligations where id = %s", (ids["obligations"],))

    def test_a_statement_of_many_rows_counts_as_a_whole(self, db: psycopg.Connection, program: Program) -> None:
        ids = chain(db, program)
        many = (
            "insert into disbursements (org_id, obligation_id, reference, currency, amount, entry_date) "
            "select %s, %s, 'many ' || n, 'USD', 1, %s from generate_series(1, %s) as n"
        )
        with pytest.raises(CHECK, match=r"cannot give 101\.0000"), db.transaction():
            db.execute(many, (program.org, ids["obligations"], DAY, 101))
        db.execute(many, (program.org, ids["obligations"], DAY, 100))
        assert balance(db, ids["obligations"]) == (Decimal(500), Decimal(500))

    def test_a_session_that_suspends_triggers_is_held_to_them(self, db: psycopg.Connection, program: Program) -> None:
        chain(db, program)
        db.execute("set local session_replication_role = replica")
        with pytest.raises(CHECK, match="cannot give"):
            db.execute("update disbursements set amount = 501")

    def test_balances_are_not_written_by_hand(self, db: psycopg.Connection, program: Program) -> None:
        for statement in (
            "update internal.budget_balances set standing_amount = 9999",
            "delete from internal.budget_balances",
            "truncate internal.budget_balances",
        ):
            with pytest.raises(CHECK, match="written by triggers alone"), db.transaction():
                db.execute(statement)

    def test_truncated_tables_start_from_nothing(self, db: psycopg.Connection, program: Program) -> None:
        chain(db, program)
        before = db.execute("select count(*) from budgeting.budget_audit where action = 'delete'").fetchone()[0]
        db.execute("truncate budget_line_items, allotments, obligations, disbursements")
        assert db.execute("select count(*) from internal.budget_balances").fetchone() == (0,)
        after = db.execute("select count(*) from budgeting.budget_audit where action = 'delete'").fetchone()[0]
        assert after - before == 4


class TestReversals:
    def test_each_level_gives_back_what_is_unused(self, db: psycopg.Connection, program: Program) -> None:
        ids = chain(db, program)
        budget.reverse_disbursement(db, ids["disbursements"], Decimal("400"), voucher())
        assert balance(db, ids["obligations"]) == (Decimal(500), Decimal(0))
        budget.reverse_obligation(db, ids["obligations"], Decimal("200.5"), voucher())
        assert balance(db, ids["obligations"]) == (Decimal("299.5"), Decimal(0))
        assert balance(db, ids["allotments"]) == (Decimal(600), Decimal("299.5"))
        entry = budget.reverse_allotment(db, ids["allotments"], Decimal("300.5"), voucher())
        assert entry.amount == Decimal("-300.5")
        assert balance(db, program.line) == (Decimal(1000), Decimal("299.5"))
        assert_balances_are_sums(db)

    @pytest.mark.parametrize(
        ("call", "table", "free", "limit", "used"),
        [
            (budget.reverse_allotment, "allotments", "100", "600", "500"),
            (budget.reverse_obligation, "obligations", "100", "500", "400"),
            (budget.reverse_disbursement, "disbursements", "400", "400", "0"),
        ],
        ids=["allotment", "obligation", "disbursement"],
    )
    def test_and_no_more(
        self,
        db: psycopg.Connection,
        program: Program,
        call: Callable[..., budget.Entry],
        table: str,
        free: str,
        limit: str,
        used: str,
    ) -> None:
        entry = chain(db, program)[table]
        asked = Decimal(free) + Decimal("0.01")
        with pytest.raises(budget.ReversalExceeded) as refused:
            call(db, entry, asked, voucher())
        assert (refused.value.limit, refused.value.used, refused.value.asked) == (Decimal(limit), Decimal(used), asked)
        call(db, entry, Decimal(free), voucher())
        with pytest.raises(budget.ReversalExceeded):
            call(db, entry, Decimal("0.0001"), voucher())

    def test_a_reversal_is_not_reversed(self, db: psycopg.Connection, program: Program) -> None:
        ids = chain(db, program)
        back = budget.reverse_disbursement(db, ids["disbursements"], Decimal("1"), voucher())
        with pytest.raises(budget.NoSuchEntry, match="no adjustment"):
            budget.reverse_disbursement(db, back.id, Decimal("1"), voucher())
        with pytest.raises(CHECK, match="builds on an adjustment"):
            db.execute(
                "insert into disbursements (org_id, obligation_id, adjusts_id, reference, currency, amount, entry_date)"
                " select org_id, obligation_id, id, 'x', currency, -1, entry_date from disbursements where id = %s",
                (back.id,),
            )


class TestCalls:
    def test_a_call_repeated_books_nothing_twice(self, db: psycopg.Connection, program: Program) -> None:
        paper = voucher("PO-1")
        allotment = budget.release_quarterly_allotment(db, program.line, 1, Decimal("1000"), paper)
        again = budget.release_quarterly_allotment(db, program.line, 1, Decimal("1000.00"), paper)
        assert (allotment.is_repeat, again.is_repeat) == (False, True)
        assert again.id == allotment.id
        back = budget.reverse_allotment(db, allotment.id, Decimal("1000"), voucher("PO-1-R"))
        assert budget.reverse_allotment(db, allotment.id, Decimal("1000"), voucher("PO-1-R")).id == back.id
        assert balance(db, program.line) == (Decimal(1000), Decimal(0))

    def test_a_reference_means_one_entry(self, db: psycopg.Connection, program: Program) -> None:
        entry = budget.release_quarterly_allotment(db, program.line, 1, Decimal("10"), voucher("A"))
        for quarter, amount, paper in (
            (1, "11", voucher("A")),
            (2, "10", voucher("A")),
            (1, "10", voucher("A", DAY + timedelta(days=1))),
        ):
            with pytest.raises(budget.ReferenceReused, match="take a reference of its own"):
                budget.release_quarterly_allotment(db, program.line, quarter, Decimal(amount), paper)
        with pytest.raises(budget.ReferenceReused):
            budget.reverse_allotment(db, entry.id, Decimal("10"), voucher("A"))

    @pytest.mark.parametrize("amount", [1.5, 10, Decimal("0"), Decimal("-1"), Decimal("NaN"), Decimal("Infinity")])
    def test_an_amount_is_a_positive_decimal(self, db: psycopg.Connection, program: Program, amount: Any) -> None:
        with pytest.raises(budget.InvalidEntry):
            budget.release_quarterly_allotment(db, program.line, 1, amount, voucher())

    @pytest.mark.parametrize("amount", ["0.00001", "1000000000000000", "1e40"])
    def test_nothing_is_rounded_or_cut(self, db: psycopg.Connection, program: Program, amount: str) -> None:
        with pytest.raises(budget.InvalidEntry, match="does not fit"):
            budget.release_quarterly_allotment(db, program.line, 1, Decimal(amount), voucher())

    def test_a_quarter_is_one_of_four(self, db: psycopg.Connection, program: Program) -> None:
        with pytest.raises(budget.InvalidEntry, match="quarters 1 to 4"):
            budget.release_quarterly_allotment(db, program.line, 5, Decimal("1"), voucher())

    def test_an_entry_does_not_precede_what_it_builds_on(self, db: psycopg.Connection, program: Program) -> None:
        ids = chain(db, program)
        before = voucher(on=DAY - timedelta(days=1))
        for call, entry in (
            (budget.record_obligation, ids["allotments"]),
            (budget.reverse_obligation, ids["obligations"]),
        ):
            with pytest.raises(budget.InvalidEntry, match="Date it on that day or later"):
                call(db, entry, Decimal("1"), before)
        with pytest.raises(CHECK, match="cannot change"):
            db.execute("update allotments set entry_date = entry_date + 1")

    def test_what_is_not_there_is_named(self, db: psycopg.Connection, program: Program) -> None:
        with pytest.raises(budget.NoSuchEntry, match="allotments has no entry"):
            budget.record_obligation(db, uuid4(), Decimal("1"), voucher())

    def test_a_refusal_leaves_the_caller_s_transaction_standing(self, connect: Connect) -> None:
        with connect() as db:
            program = Program.adopted(db)
            kept = budget.release_quarterly_allotment(db, program.line, 1, Decimal("10"), voucher()).id
            with pytest.raises(budget.AllotmentExceeded):
                budget.record_obligation(db, kept, Decimal("11"), voucher())
        with connect() as db:
            assert balance(db, kept) == (Decimal(10), Decimal(0))


class TestAudit:
    def test_every_change_is_there_with_who_when_before_and_after(
        self, db: psycopg.Connection, program: Program
    ) -> None:
        entry = budget.release_quarterly_allotment(db, program.line, 1, Decimal("10"), voucher("A")).id
        db.execute("set local tieout.actor = 'bob'")
        db.execute("update allotments set amount = 20, reference = 'B' where id = %s", (entry,))
        db.execute("set local tieout.actor = ''")
        db.execute("delete from allotments where id = %s", (entry,))
        rows = db.execute(
            "select action, actor, db_user = session_user, changed_at between now() and clock_timestamp(), "
            "before ->> 'amount', after ->> 'amount', before ->> 'reference', after ->> 'reference' "
            "from budgeting.budget_audit where table_name = 'allotments' and row_id = %s order by id",
            (entry,),
        ).fetchall()
        owner = db.execute("select session_user").fetchone()[0]
        assert rows == [
            ("insert", "ada", True, True, None, "10.0000", None, "A"),
            ("update", "bob", True, True, "10.0000", "20.0000", "A", "B"),
            ("delete", owner, True, True, "20.0000", None, "B", None),
        ]

    def test_it_covers_every_table(self, db: psycopg.Connection, program: Program) -> None:
        chain(db, program)
        proposal = insert(
            db,
            "budgeting.budget_proposals",
            org_id=program.org,
            program_code="P1",
            name="Roads",
            fiscal_year=2027,
            currency="USD",
            amount=Decimal("1"),
            proposed_by="ada",
        )
        reason = {"justification": "Holes.", "written_by": "ada"}
        insert(db, "budgeting.budget_justifications", org_id=program.org, budget_proposal_id=proposal, **reason)
        insert(db, "budgeting.work_items", org_id=program.org, budget_proposal_id=proposal, title="Read it")
        for table in AUDITED:
            db.execute(f"update {table} set updated_at = updated_at")
        db.execute("delete from budgeting.work_items")
        db.execute("delete from budgeting.budget_justifications")
        db.execute("delete from budgeting.budget_proposals")
        for table in (*reversed(TABLES), "program_budgets"):
            db.execute(f"delete from {table}")
        found = db.execute(
            "select table_name, action from budgeting.budget_audit where transaction_id = pg_current_xact_id()"
        )
        expected = {(table.split(".")[-1], action) for table in AUDITED for action in ("insert", "update", "delete")}
        assert set(found.fetchall()) == expected

    @pytest.mark.parametrize(
        "statement",
        [
            "update budgeting.budget_audit set actor = 'nobody'",
            "delete from budgeting.budget_audit",
            "truncate budgeting.budget_audit",
            "insert into budgeting.budget_audit (table_name, row_id, action, after) "
            "values ('allotments', uuidv7(), 'insert', '{}')",
        ],
        ids=["update", "delete", "truncate", "insert"],
    )
    @pytest.mark.parametrize("role", ["origin", "replica"])
    def test_nobody_changes_it(self, db: psycopg.Connection, program: Program, statement: str, role: str) -> None:
        """Not the owner and superuser that this connection is, and not with triggers suspended either."""
        db.execute(f"set local session_replication_role = {role}")
        with pytest.raises(CHECK, match=r"is kept as it was written|written by triggers alone"):
            db.execute(statement)


class TestConcurrency:
    WRITERS, CALLS = 20, 25

    def test_twenty_writers_pass_no_limit_and_lose_no_money(self, connect: Connect) -> None:
        """Each of 20 connections books, reverses and repeats at random on the same few entries; in the end the rows
        are exactly what the calls were told, the limits hold, and the audit has a row for each."""
        with connect() as db:
            program = Program.adopted(db)
            lines = [program.line] + [
                Program.add_line(db, program.org, program.program, program.account, "1000") for _ in range(2)
            ]
            allotments = [
                budget.release_quarterly_allotment(db, line, 1, Decimal("500"), voucher()).id for line in lines
            ]
            obligations = [budget.record_obligation(db, each, Decimal("200"), voucher()).id for each in allotments]
            disbursements = [budget.record_disbursement(db, each, Decimal("50"), voucher()).id for each in obligations]
        start = threading.Barrier(self.WRITERS)
        refusals: Counter[str] = Counter()
        told: dict[UUID, Decimal] = {}
        lock = threading.Lock()

        def write(number: int) -> None:
            chance = random.Random(number)
            with connect(autocommit=True) as conn:
                start.wait(timeout=60)
                for _ in range(self.CALLS):
                    amount = Decimal(chance.randint(1, 60_000)) / 1000
                    paper = Voucher(str(uuid4()), DAY, f"writer {number}")
                    call, arguments = chance.choice(
                        [
                            (budget.release_quarterly_allotment, (chance.choice(lines), chance.randint(1, 4), amount)),
                            (budget.record_obligation, (chance.choice(allotments), amount)),
                            (budget.record_disbursement, (chance.choice(obligations), amount)),
                            (budget.reverse_allotment, (chance.choice(allotments), amount)),
                            (budget.reverse_obligation, (chance.choice(obligations), amount)),
                            (budget.reverse_disbursement, (chance.choice(disbursements), amount)),
                        ]
                    )
                    try:
                        entry = call(conn, *arguments, paper)
                        if chance.random() < 0.2:
                            assert call(conn, *arguments, paper).id == entry.id
                    except budget.LimitExceeded as error:
                        assert error.used + error.asked > error.limit
                        with lock:
                            refusals[type(error).__name__] += 1
                    else:
                        with lock:
                            told[entry.id] = entry.amount

        with ThreadPoolExecutor(self.WRITERS) as pool:
            for done in [pool.submit(write, number) for number in range(self.WRITERS)]:
                done.result(timeout=120)

        with connect() as db:
            assert_balances_are_sums(db)
            standing = {}
            for table in TABLES[1:]:
                standing.update(
                    db.execute(f"select id, amount from {table} where org_id = %s", (program.org,)).fetchall()
                )
            first = {*allotments, *obligations, *disbursements}
            assert {key: amount for key, amount in standing.items() if key not in first} == told
            assert len(told) + refusals.total() == self.WRITERS * self.CALLS
            assert set(refusals) >= {"ObligationExceeded", "ReversalExceeded"}, refusals
            audited = db.execute(
                "select row_id, (after ->> 'amount')::numeric, actor from budgeting.budget_audit "
                "where action = 'insert' and actor like 'writer %%' and after ->> 'org_id' = %s",
                (str(program.org),),
            ).fetchall()
            assert {row: amount for row, amount, _ in audited} == told
            assert len(audited) == len(told)
            assert len({actor for _, _, actor in audited}) == self.WRITERS

    def test_the_whole_can_be_had_once(self, connect: Connect) -> None:
        """Twenty ask for all of it at once: one gets it."""
        with connect() as db:
            program = Program.adopted(db, "100")
        start = threading.Barrier(self.WRITERS)

        def ask(_: int) -> bool:
            with connect() as conn:
                start.wait(timeout=60)
                try:
                    budget.release_quarterly_allotment(conn, program.line, 1, Decimal("100"), voucher())
                except budget.LineItemExceeded as error:
                    assert (error.limit, error.used, error.asked) == (100, 100, 100)
                    return False
                return True

        with ThreadPoolExecutor(self.WRITERS) as pool:
            assert sorted(pool.map(ask, range(self.WRITERS))) == [False] * (self.WRITERS - 1) + [True]

    def test_one_reference_is_booked_once(self, connect: Connect) -> None:
        """Twenty retries of one call at once: all get the same entry."""
        with connect() as db:
            program = Program.adopted(db, "100")
        paper = voucher("retried")
        start = threading.Barrier(self.WRITERS)

        def ask(_: int) -> budget.Entry:
            with connect() as conn:
                start.wait(timeout=60)
                return budget.release_quarterly_allotment(conn, program.line, 1, Decimal("60"), paper)

        with ThreadPoolExecutor(self.WRITERS) as pool:
            entries = list(pool.map(ask, range(self.WRITERS)))
        assert len({entry.id for entry in entries}) == 1
        assert Counter(entry.is_repeat for entry in entries) == {False: 1, True: self.WRITERS - 1}

    def test_a_parent_lowered_meanwhile_is_seen(self, connect: Connect) -> None:
        """Half of the writers take from an allotment, the others withdraw it: it never falls below what is taken."""
        with connect() as db:
            program = Program.adopted(db, "100")
            allotment = budget.release_quarterly_allotment(db, program.line, 1, Decimal("100"), voucher()).id
        start = threading.Barrier(self.WRITERS)

        def ask(number: int) -> Decimal:
            call = budget.record_obligation if number % 2 else budget.reverse_allotment
            with connect() as conn:
                start.wait(timeout=60)
                try:
                    return abs(call(conn, allotment, Decimal("9"), voucher()).amount)
                except budget.LimitExceeded:
                    return Decimal(0)

        with ThreadPoolExecutor(self.WRITERS) as pool:
            given = sum(pool.map(ask, range(self.WRITERS)))
        # 11 of the 20 fit into 100.
        assert given == 99
        with connect() as db:
            standing, used = balance(db, allotment)
            assert standing - used == 1
            assert_balances_are_sums(db)


def proposal(program: Program, **changes: Any) -> Proposal:
    """Of 1,000 dollars for the year after the program's budget."""
    asked = Proposal(program.org, "P1", "Roads", 2027, "USD", Decimal("1000"))
    return replace(asked, **changes)


def submitted(db: psycopg.Connection, program: Program, **changes: Any) -> UUID:
    asked = budget.propose_budget(db, proposal(program, **changes), "ada")
    budget.justify_budget(db, asked, "Holes.", "ada")
    budget.submit_proposal(db, asked, "ada")
    return asked


def row_of(db: psycopg.Connection, table: str, key: UUID) -> dict[str, Any]:
    return db.execute(f"select to_jsonb(t) from {table} as t where id = %s", (key,)).fetchone()[0]


def count(db: psycopg.Connection, table: str, org: UUID) -> int:
    return db.execute(f"select count(*) from {table} where org_id = %s", (org,)).fetchone()[0]


NEXT = date(2026, 12, 15)


class TestProposals:
    def test_what_is_adopted_becomes_a_budget_that_can_be_spent(self, db: psycopg.Connection, program: Program) -> None:
        asked = submitted(db, program)
        lines = [Line("1", program.account, Decimal("600"), "asphalt"), Line("2", program.account, Decimal("399.99"))]
        adopted = budget.adopt_proposal(db, asked, lines, NEXT, "bob")
        found = row_of(db, "budgeting.budget_proposals", asked)
        assert (found["status"], found["decided_on"], found["proposed_by"]) == ("adopted", str(NEXT), "ada")
        assert found["program_budget_id"] == str(adopted.program_budget)
        made = row_of(db, "program_budgets", adopted.program_budget)
        assert (made["program_code"], made["fiscal_year"], made["adopted_on"]) == ("P1", 2027, str(NEXT))
        assert [balance(db, line) for line in adopted.lines] == [
            (Decimal("600"), Decimal(0)),
            (Decimal("399.99"), Decimal(0)),
        ]
        budget.release_quarterly_allotment(db, adopted.lines[0], 1, Decimal("600"), voucher(on=NEXT))

    def test_its_lines_are_what_was_proposed_at_most(self, db: psycopg.Connection, program: Program) -> None:
        asked = submitted(db, program)
        lines = [Line("1", program.account, Decimal("600")), Line("2", program.account, Decimal("400.0001"))]
        with pytest.raises(budget.ProposalExceeded) as refused:
            budget.adopt_proposal(db, asked, lines, NEXT, "bob")
        assert (refused.value.left, refused.value.asked) == (Decimal("1000"), Decimal("1000.0001"))
        assert row_of(db, "budgeting.budget_proposals", asked)["status"] == "submitted"

    def test_what_is_rejected_makes_no_budget(self, db: psycopg.Connection, program: Program) -> None:
        asked = submitted(db, program)
        budget.reject_proposal(db, asked, NEXT, "bob")
        found = row_of(db, "budgeting.budget_proposals", asked)
        assert (found["status"], found["decided_on"], found["program_budget_id"]) == ("rejected", str(NEXT), None)

    @pytest.mark.parametrize(
        "call",
        [
            pytest.param(lambda db, asked, line: budget.submit_proposal(db, asked, "ada"), id="submit"),
            pytest.param(lambda db, asked, line: budget.justify_budget(db, asked, "More.", "ada"), id="justify"),
            pytest.param(lambda db, asked, line: budget.reject_proposal(db, asked, NEXT, "bob"), id="reject"),
            pytest.param(lambda db, asked, line: budget.adopt_proposal(db, asked, [line], NEXT, "bob"), id="adopt"),
        ],
    )
    @pytest.mark.parametrize("decided", ["adopted", "rejected"])
    def test_what_is_decided_stays(
        self, db: psycopg.Connection, program: Program, call: Callable[..., Any], decided: str
    ) -> None:
        asked, line = submitted(db, program), Line("1", program.account, Decimal("1"))
        if decided == "adopted":
            budget.adopt_proposal(db, asked, [line], NEXT, "bob")
        else:
            budget.reject_proposal(db, asked, NEXT, "bob")
        before = row_of(db, "budgeting.budget_proposals", asked)
        with pytest.raises(budget.WrongState, match=f"is {decided}") as refused:
            call(db, asked, line)
        assert refused.value.found == decided
        assert row_of(db, "budgeting.budget_proposals", asked) == before

    def test_a_draft_is_submitted_before_it_is_decided(self, db: psycopg.Connection, program: Program) -> None:
        asked = budget.propose_budget(db, proposal(program), "ada")
        with pytest.raises(budget.WrongState, match="is draft, not submitted"):
            budget.reject_proposal(db, asked, NEXT, "bob")

    def test_and_justified_before_it_is_submitted(self, db: psycopg.Connection, program: Program) -> None:
        asked = budget.propose_budget(db, proposal(program), "ada")
        with pytest.raises(budget.InvalidEntry, match="no justification"):
            budget.submit_proposal(db, asked, "ada")
        budget.justify_budget(db, asked, "Holes.", "cyd")
        budget.submit_proposal(db, asked, "ada")
        found = db.execute(
            "select justification, written_by from budgeting.budget_justifications where budget_proposal_id = %s",
            (asked,),
        ).fetchall()
        assert found == [("Holes.", "cyd")]

    def test_a_program_has_one_budget_a_year(self, db: psycopg.Connection, program: Program) -> None:
        asked = submitted(db, program, fiscal_year=2026)
        with pytest.raises(budget.ProgramHasBudget, match="P1 has a budget for 2026"):
            budget.adopt_proposal(db, asked, [Line("1", program.account, Decimal("1"))], NEXT, "bob")
        assert row_of(db, "budgeting.budget_proposals", asked)["status"] == "submitted"

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            pytest.param({"org": UUID(int=0)}, "organization", id="organization"),
            pytest.param({"currency": "ZZZ"}, "currency", id="currency"),
            pytest.param({"currency": "Dollar"}, "currency", id="no code"),
            pytest.param({"name": " "}, "cannot be", id="name"),
            pytest.param({"fiscal_year": 26}, "year", id="year"),
            pytest.param({"amount": Decimal("0")}, "above zero", id="nothing"),
            pytest.param({"amount": 1000.0}, "float", id="float"),
        ],
    )
    def test_a_proposal_that_cannot_be_is_refused(
        self, db: psycopg.Connection, program: Program, changes: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(budget.InvalidEntry, match=message):
            budget.propose_budget(db, proposal(program, **changes), "ada")
        assert count(db, "budgeting.budget_proposals", program.org) == 0

    @pytest.mark.parametrize(
        "lines",
        [
            pytest.param([], id="none"),
            pytest.param([("1", UUID(int=0))], id="account"),
            pytest.param([("1", None), ("1", None)], id="number twice"),
            pytest.param([(" ", None)], id="no number"),
        ],
    )
    def test_lines_that_cannot_be_leave_everything_as_it_was(
        self, db: psycopg.Connection, program: Program, lines: list[tuple[str, UUID | None]]
    ) -> None:
        asked = submitted(db, program)
        wanted = [Line(number, account or program.account, Decimal("1")) for number, account in lines]
        with pytest.raises(budget.InvalidEntry):
            budget.adopt_proposal(db, asked, wanted, NEXT, "bob")
        assert row_of(db, "budgeting.budget_proposals", asked)["status"] == "submitted"
        assert count(db, "program_budgets", program.org) == 1

    @pytest.mark.parametrize("call", ["submit_proposal", "reject_proposal", "adopt_proposal", "justify_budget"])
    def test_what_is_not_there_is_named(self, db: psycopg.Connection, program: Program, call: str) -> None:
        more = {
            "submit_proposal": (),
            "reject_proposal": (NEXT,),
            "adopt_proposal": ([Line("1", program.account, Decimal("1"))], NEXT),
            "justify_budget": ("Holes.",),
        }[call]
        with pytest.raises(budget.NoSuchEntry, match="no proposal"):
            getattr(budget, call)(db, uuid4(), *more, "ada")

    def test_an_actor_is_named(self, db: psycopg.Connection, program: Program) -> None:
        with pytest.raises(budget.InvalidEntry, match="actor"):
            budget.propose_budget(db, proposal(program), " ")

    def test_of_many_decisions_at_once_one_stands(self, connect: Connect) -> None:
        with connect() as db:
            program = Program.adopted(db)
            asked = submitted(db, program)
        barrier = threading.Barrier(8)

        def decide(number: int) -> str:
            with connect(autocommit=True) as conn:
                barrier.wait()
                try:
                    if number % 2:
                        budget.reject_proposal(conn, asked, NEXT, f"writer {number}")
                    else:
                        line = Line("1", program.account, Decimal("1000"))
                        budget.adopt_proposal(conn, asked, [line], NEXT, f"writer {number}")
                except budget.WrongState as error:
                    return f"told {error.found}"
                return "decided"

        with ThreadPoolExecutor(8) as pool:
            told = Counter(pool.map(decide, range(8)))
        with connect() as db:
            found = row_of(db, "budgeting.budget_proposals", asked)
            budgets = db.execute(
                "select count(*) from program_budgets where org_id = %s and fiscal_year = 2027", (program.org,)
            ).fetchone()[0]
        assert told == {"decided": 1, f"told {found['status']}": 7}
        assert budgets == (found["status"] == "adopted")

    def test_the_audit_names_who_did_what(self, db: psycopg.Connection, program: Program) -> None:
        asked = submitted(db, program)
        adopted = budget.adopt_proposal(db, asked, [Line("1", program.account, Decimal("1"))], NEXT, "bob")
        found = db.execute(
            "select table_name, action, actor, after ->> 'status' from budgeting.budget_audit "
            "where row_id = any(%s) order by id",
            ([asked, adopted.program_budget, *adopted.lines],),
        ).fetchall()
        assert found == [
            ("budget_proposals", "insert", "ada", "draft"),
            ("budget_proposals", "update", "ada", "submitted"),
            ("program_budgets", "insert", "bob", None),
            ("budget_line_items", "insert", "bob", None),
            ("budget_proposals", "update", "bob", "adopted"),
        ]


class TestWork:
    def opened(self, db: psycopg.Connection, program: Program) -> UUID:
        return budget.open_work_item(db, WorkItem("Review", program_budget=program.program, due_on=NEXT), "ada")

    def test_it_is_opened_assigned_and_done(self, db: psycopg.Connection, program: Program) -> None:
        item = self.opened(db, program)
        budget.assign_work_item(db, item, "cyd", "ada")
        budget.assign_work_item(db, item, "dan", "cyd")
        budget.close_work_item(db, item, NEXT, "dan")
        found = row_of(db, "budgeting.work_items", item)
        assert (found["status"], found["assigned_to"], found["closed_on"]) == ("done", "dan", str(NEXT))
        assert (found["org_id"], found["due_on"]) == (str(program.org), str(NEXT))
        audit = db.execute(
            "select action, actor, after ->> 'assigned_to' from budgeting.budget_audit where row_id = %s order by id",
            (item,),
        ).fetchall()
        assert audit == [
            ("insert", "ada", None),
            ("update", "ada", "cyd"),
            ("update", "cyd", "dan"),
            ("update", "dan", "dan"),
        ]

    def test_it_may_be_about_a_proposal(self, db: psycopg.Connection, program: Program) -> None:
        asked = submitted(db, program)
        item = budget.open_work_item(db, WorkItem("Check the sums", proposal=asked, assigned_to="cyd"), "ada")
        budget.cancel_work_item(db, item, NEXT, "ada")
        found = row_of(db, "budgeting.work_items", item)
        assert (found["status"], found["budget_proposal_id"], found["assigned_to"]) == ("cancelled", str(asked), "cyd")

    @pytest.mark.parametrize("ending", [budget.close_work_item, budget.cancel_work_item])
    def test_what_is_closed_stays(self, db: psycopg.Connection, program: Program, ending: Callable[..., None]) -> None:
        item = self.opened(db, program)
        ending(db, item, NEXT, "ada")
        for call in (
            lambda: budget.assign_work_item(db, item, "cyd", "ada"),
            lambda: budget.close_work_item(db, item, NEXT, "ada"),
            lambda: budget.cancel_work_item(db, item, NEXT, "ada"),
        ):
            with pytest.raises(budget.WrongState, match="open another"):
                call()

    def test_it_is_about_one_thing(self, db: psycopg.Connection, program: Program) -> None:
        asked = submitted(db, program)
        for item in (WorkItem("Review"), WorkItem("Review", proposal=asked, program_budget=program.program)):
            with pytest.raises(budget.InvalidEntry, match="name one of them"):
                budget.open_work_item(db, item, "ada")

    @pytest.mark.parametrize(
        "item", [WorkItem("Review", proposal=UUID(int=0)), WorkItem("Review", program_budget=UUID(int=0))]
    )
    def test_and_that_is_there(self, db: psycopg.Connection, item: WorkItem) -> None:
        with pytest.raises(budget.NoSuchEntry, match="to work on"):
            budget.open_work_item(db, item, "ada")

    def test_nonsense_is_refused(self, db: psycopg.Connection, program: Program) -> None:
        for item in (
            WorkItem(" ", program_budget=program.program),
            WorkItem("Review", program_budget=program.program, assigned_to=" "),
            WorkItem("Review", program_budget=program.program, due_on=date(1, 1, 1)),
        ):
            with pytest.raises(budget.InvalidEntry):
                budget.open_work_item(db, item, "ada")
        with pytest.raises(budget.InvalidEntry, match="assignee"):
            budget.assign_work_item(db, self.opened(db, program), "", "ada")
        with pytest.raises(budget.NoSuchEntry, match="no work item"):
            budget.close_work_item(db, uuid4(), NEXT, "ada")


def test_an_entry_costs_the_same_however_many_there_are(db: psycopg.Connection, program: Program) -> None:
    """The limit is checked on the parent's balance: no query of the triggers reads the sisters of a new entry."""
    program.amend(db, "1000000")
    allotment = budget.release_quarterly_allotment(db, program.line, 1, Decimal("500000"), voucher()).id
    many = (
        "insert into obligations (org_id, allotment_id, reference, currency, amount, entry_date) "
        "select %s, %s, 'many ' || n, 'USD', 1, %s from generate_series(1, 20000) as n"
    )
    db.execute(many, (program.org, allotment, DAY))
    db.execute("analyze obligations")

    def rows_read() -> int:
        db.execute("select pg_stat_clear_snapshot()")
        return db.execute(
            "select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables "
            "where relname = 'obligations'"
        ).fetchone()[0]

    before = rows_read()
    budget.record_obligation(db, allotment, Decimal("1"), voucher())
    assert rows_read() - before < 10


def test_the_detail_of_a_refusal_is_exact(db: psycopg.Connection, program: Program) -> None:
    with pytest.raises(CHECK) as refused:
        db.execute(
            "insert into allotments (org_id, budget_line_item_id, quarter, reference, currency, amount, entry_date) "
            "values (%s, %s, 1, 'x', 'USD', 1000.0001, %s)",
            (program.org, program.line, DAY),
        )
    detail = json.loads(refused.value.diag.message_detail)
    assert detail == {"entry_id": str(program.line), "limit": "1000.0000", "used": "0.0000", "asked": "1000.0001"}


def test_the_examples_of_the_page_run(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (PROJECT_ROOT / "docs" / "budget-execution.md").read_text()
    booking, adopting = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    with connect() as db:
        program = Program.adopted(db, "30000")
    monkeypatch.setattr("tieout.connections.app_db", connect)
    names: dict[str, Any] = {"line_item": program.line, "org": program.org, "account": program.account}
    exec(booking, names)
    exec(adopting, names)
    with connect() as db:
        assert balance(db, names["adopted"].lines[0]) == (Decimal(80000), Decimal(0))
        assert balance(db, names["order"].id) == (Decimal("7999.5"), Decimal("7999.5"))
        assert balance(db, names["released"].id) == (Decimal(25000), Decimal("7999.5"))
        assert balance(db, program.line) == (Decimal(30000), Decimal(25000))


def test_the_page_has_every_error() -> None:
    page = (PROJECT_ROOT / "docs" / "budget-execution.md").read_text()
    errors = {name for name, of in vars(budget).items() if isinstance(of, type) and issubclass(of, budget.BudgetError)}
    assert len(errors) == 12
    # LimitExceeded is only the base of five.
    assert {
        name for name in errors - {"LimitExceeded"} if f"budget.{name}" not in page and f"`{name}`" not in page
    } == set()
