"""A generated company in real Postgres and MinIO: it is the same each time, its books tie, its faults can be found."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
import psycopg
import pytest
from botocore.config import Config
from tests.app_database import app_database

from tieout.extract.readers import read_file
from tieout.generate import DELETES, FAULTS, LATE_ROWS, GenerateError, Rates, advance, generate, read_truth
from tieout.generate.life import TABLES
from tieout.generate.plan import Plan
from tieout.generate.rates import FaultRates
from tieout.generate.run import live
from tieout.generate.target import Target
from tieout.settings import get_settings
from tieout.sources import load_sources

pytestmark = pytest.mark.integration

START, END = date(2025, 6, 12), date(2026, 3, 31)
# More faults than usual, so that a small company has each of them.
RATES = replace(Rates(), faults=FaultRates(300, 300, 300, 300, 300, 300, 300))
PLAN = Plan.of(40_000, 7, START, END, RATES)
DAYS = 9
# Columns that connectors or older versions of Stripe's API deliver, and the API of today does not.
NOT_OF_THE_API = {("balance_transactions", "payout_id"), ("disputes", "balance_transaction")}
DELIVERED = [table for source in load_sources().values() if source.kind == "landing" for table in source.tables]


@dataclass(frozen=True)
class Company:
    target: Target

    def query(self, statement: str, *params: Any) -> list[tuple]:
        with self.target.connect() as conn:
            return conn.execute(statement, params).fetchall()

    def content(self) -> dict[str, tuple[int, str]]:
        """Rows and checksum of every table, all columns."""
        return {
            table: self.query(f"select count(*), md5(string_agg(t::text, '|' order by t::text)) from {table} as t")[0]
            for table in TABLES
        }

    def files(self, prefix: str = "") -> dict[str, bytes]:
        """Landed files by key, unpacked, oldest day first."""
        pages = self.target.s3.get_paginator("list_objects_v2").paginate(Bucket=self.target.bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {
            key: gzip.decompress(self.target.s3.get_object(Bucket=self.target.bucket, Key=key)["Body"].read())
            for key in sorted(keys, key=lambda key: key.split("/")[2:])
        }

    def extract(self, source: str, entity: str) -> list[dict[str, Any]]:
        """All delivered rows, as they stand in the files, oldest first."""
        rows: list[dict[str, Any]] = []
        for body in self.files(f"{source}/{entity}/").values():
            lines = body.decode().split("\n")
            rows += map(json.loads, filter(None, lines)) if source == "stripe" else csv.DictReader(lines)
        return rows

    def truth(self, name: str) -> list[dict[str, Any]]:
        return read_truth(self.target.truth, name)


@contextmanager
def bucket(name: str) -> Iterator[Any]:
    """An empty bucket; only the store's administrator can make one."""
    s = get_settings()
    s3 = boto3.client(
        "s3",
        endpoint_url=s.s3_endpoint,
        region_name=s.s3_region,
        aws_access_key_id=s.reveal("minio_root_user"),
        aws_secret_access_key=s.reveal("minio_root_password"),
        config=Config(s3={"addressing_style": "path"}),
    )

    def remove() -> None:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
            for entry in page.get("Contents", []):
                s3.delete_object(Bucket=name, Key=entry["Key"])
        s3.delete_bucket(Bucket=name)

    if any(entry["Name"] == name for entry in s3.list_buckets()["Buckets"]):
        remove()
    s3.create_bucket(Bucket=name)
    try:
        yield s3
    finally:
        remove()


@pytest.fixture(scope="module")
def found(stack: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Target]]:
    """Makes places for companies, each with an empty app database and bucket."""
    with ExitStack() as places:

        def make(name: str) -> Target:
            connect = places.enter_context(app_database(f"test_generate_{name}"))
            s3 = places.enter_context(bucket(f"test-generate-{name}"))
            return Target(connect, s3, f"test-generate-{name}", tmp_path_factory.mktemp(name))

        yield make


@pytest.fixture(scope="module")
def company(found: Callable[[str], Target]) -> Company:
    """A company at END."""
    target = found("company")
    live(PLAN, END, target)
    return Company(target)


@pytest.fixture(scope="module")
def older(found: Callable[[str], Target]) -> Company:
    """The company that was generated DAYS earlier and lived on to END."""
    target = found("older")
    live(PLAN, END - timedelta(days=DAYS), target)
    summary = advance(DAYS, target=target)
    assert summary.last_day == END
    return Company(target)


class TestSameness:
    def test_a_seed_makes_the_same_company_again(self, company: Company) -> None:
        content, files, truth = company.content(), company.files(), company.truth(FAULTS)
        live(PLAN, END, company.target, replace=True)
        assert company.content() == content
        assert company.files() == files
        assert company.truth(FAULTS) == truth

    def test_another_seed_makes_another(self, company: Company, found: Callable[[str], Target]) -> None:
        other = found("other")
        live(replace(PLAN, seed=8), END, other)
        ids = "select id from ar_invoices"
        assert not set(Company(other).query(ids)) & set(company.query(ids))

    def test_living_on_is_the_same_as_having_lived_longer(self, company: Company, older: Company) -> None:
        """Row by row and column by column, stamps included: nothing is lost between two days."""
        assert older.content() == company.content()

    @pytest.mark.parametrize(
        ("source", "entity"),
        [(table.source, table.name) for table in DELIVERED],
    )
    def test_so_are_the_extracts(self, company: Company, older: Company, source: str, entity: str) -> None:
        key = next(table.key for table in load_sources()[source].tables if table.name == entity)

        def newest(of: Company) -> dict[tuple, Any]:
            return {tuple(row[column] for column in key): row for row in of.extract(source, entity)}

        assert newest(older) == newest(company)

    def test_and_the_truth(self, company: Company, older: Company) -> None:
        def faults(of: Company) -> list[str]:
            return sorted(json.dumps(line, sort_keys=True) for line in of.truth(FAULTS))

        assert faults(older) == faults(company)


class TestBooks:
    def test_every_journal_balances(self, company: Company) -> None:
        off = "select journal_id from gl_entries group by journal_id, org_id, currency having sum(amount) <> 0"
        assert company.query(off) == []
        assert company.query("select count(distinct journal_id) > 500 from gl_entries") == [(True,)]

    @pytest.mark.parametrize("days_before", [0, 1, 30, 95, 200])
    @pytest.mark.parametrize(
        ("code", "sign", "documents", "reference", "issued_on", "status"),
        [
            pytest.param("1200", 1, "ar_invoices", "ar_invoice_id", "invoice_date", "issued", id="receivable"),
            pytest.param("2000", -1, "ap_bills", "ap_bill_id", "bill_date", "approved", id="payable"),
        ],
    )
    def test_the_control_account_is_what_is_open(
        self,
        company: Company,
        days_before: int,
        code: str,
        sign: int,
        documents: str,
        reference: str,
        issued_on: str,
        status: str,
    ) -> None:
        """On any day: documents less credits less what payments have settled, per organization and currency."""
        day = END - timedelta(days=days_before)
        ledger = company.query(
            """
            select e.org_id, e.currency, sum(e.amount) * %s from gl_entries e join gl_accounts a on a.id = e.account_id
            where a.account_code = %s and e.entry_date <= %s group by 1, 2 having sum(e.amount) <> 0
            """,
            sign,
            code,
            day,
        )
        opened = company.query(
            f"""
            with moves as (
              select org_id, currency, total_amount as amount from {documents}
              where {issued_on} <= %(day)s and (status = '{status}' or voided_on > %(day)s)
              union all
              select org_id, currency, -amount from credit_notes
              where {reference} is not null and status = 'issued' and issued_on <= %(day)s
              union all
              select a.org_id, a.currency, -a.amount from payment_allocations a join payments p on p.id = a.payment_id
              where a.{reference} is not null and a.allocated_on <= %(day)s
                and (p.reversed_on is null or p.reversed_on > %(day)s)
            )
            select org_id, currency, sum(amount) from moves group by 1, 2 having sum(amount) <> 0
            """.replace("%(day)s", f"date '{day}'")
        )
        assert sorted(ledger) == sorted(opened)
        assert len(ledger) > 5

    def test_cash_in_the_ledger_is_cash_in_the_bank(self, company: Company) -> None:
        ledger = company.query(
            """
            select e.org_id, e.currency, sum(e.amount) from gl_entries e join gl_accounts a on a.id = e.account_id
            where a.account_code in ('1000', '1010') group by 1, 2
            """
        )
        bank = company.query("select org_id, currency, sum(amount) from bank_transactions group by 1, 2")
        assert sorted(ledger) == sorted(bank)

    def test_the_two_legs_of_a_transfer_cancel(self, company: Company) -> None:
        """Or are an exchange: one out and one in, of two currencies."""
        legs = company.query(
            "select count(*), count(distinct bank_account_id), count(distinct currency), "
            "case count(distinct currency) when 1 then sum(amount) end, count(*) filter (where amount > 0) "
            "from bank_transactions where transfer_group_id is not null group by transfer_group_id"
        )
        assert set(legs) == {(2, 2, 1, Decimal(0), 1), (2, 2, 2, None, 1)}

    def test_every_kind_of_life_is_there(self, company: Company) -> None:
        statuses = company.query(
            """
            select 'ar', status from ar_invoices union select 'ap', status from ap_bills
            union select 'note', status from credit_notes union select direction, status from payments
            """
        )
        assert {"ar draft", "ar issued", "ar void", "ap draft", "ap approved", "ap void", "note issued"} <= {
            " ".join(pair) for pair in statuses
        }
        for status in ("pending", "succeeded", "failed", "reversed"):
            assert ("in", status) in statuses, status
        more = company.query(
            """
            select
              count(*) filter (where allocated > 0 and allocated < total) as partly,
              count(*) filter (where payments > 1 and allocated = total) as in_parts,
              count(*) filter (where paid_on > due_date) as late,
              count(*) filter (where allocated > total) as too_much
            from (
              select i.total_amount as total, i.due_date, sum(a.amount) as allocated, count(*) as payments,
                max(p.payment_date) as paid_on
              from ar_invoices i join payment_allocations a on a.ar_invoice_id = i.id
              join payments p on p.id = a.payment_id and p.status = 'succeeded'
              group by i.id
            ) as settled
            """
        )[0]
        assert all(more), more
        many = "select 1 from payment_allocations group by payment_id having count(distinct ar_invoice_id) > 1 limit 1"
        assert company.query(many) == [(1,)]

    def test_amounts_have_the_digits_of_their_currency(self, company: Company) -> None:
        amounts = company.query(
            """
            select c.code, c.minor_unit, bool_and(trunc(amount, c.minor_unit) = amount),
              bool_or(trunc(amount, greatest(c.minor_unit - 1, 0)) <> amount)
            from (
              select currency, subtotal_amount as amount from ar_invoices
              union all select currency, tax_amount from ar_invoices
              union all select currency, amount from payments
              union all select currency, amount from gl_entries
            ) as a join currencies c on c.code = a.currency group by 1, 2
            """
        )
        assert {(code, digits) for code, digits, *_ in amounts} >= {("JPY", 0), ("USD", 2), ("EUR", 2), ("KWD", 3)}
        for code, digits, none_finer, uses_last in amounts:
            assert none_finer, code
            assert uses_last == (digits > 0), code

    def test_rates_are_of_every_day_and_both_ways_of_a_month(self, company: Company) -> None:
        counts = dict(company.query("select rate_type, count(*) from fx_rates group by 1"))
        pairs = company.query("select count(distinct (org_id, from_currency)) from fx_rates")[0][0]
        assert counts["spot"] == pairs * ((END - START).days + 1)
        assert counts["average"] == counts["closing"] == pairs * 10

    def test_stamps_are_of_the_company_s_days(self, company: Company) -> None:
        stamps = dict.fromkeys(TABLES, ("created_at", "updated_at"))
        stamps["access.users"] = ("created_at", "created_at")
        stamps["access.memberships"] = ("granted_at", "coalesce(ended_at, granted_at)")
        for table, (made, changed) in stamps.items():
            first, last, wrong = company.query(
                f"select min({made}), max({changed}), count(*) filter (where {changed} < {made}) from {table}"
            )[0]
            assert first >= datetime(START.year, START.month, START.day, tzinfo=UTC), table
            assert last < datetime(END.year, END.month, END.day, tzinfo=UTC) + timedelta(days=1), table
            assert wrong == 0


class TestBudgetsAndAccess:
    def test_every_state_of_a_budget_is_there(self, company: Company) -> None:
        states = "select distinct status::text from"
        assert {("adopted",), ("rejected",)} <= set(company.query(f"{states} budgeting.budget_proposals"))
        assert ("done",) in company.query(f"{states} budgeting.work_items")
        assert company.query("select count(*) > 10 from budgeting.budget_justifications") == [(True,)]

    def test_the_audit_has_them(self, company: Company) -> None:
        """The bulk load suspends triggers, but not those of the audit."""
        for table in ("budget_proposals", "budget_justifications", "work_items"):
            missing = company.query(
                f"select count(*) from budgeting.{table} as t where not exists (select from budgeting.budget_audit "
                f"where table_name = '{table}' and row_id = t.id and action = 'insert')"
            )
            assert missing == [(0,)], table

    def test_everyone_sees_what_is_theirs(self, company: Company) -> None:
        """By role: how many organizations its users see, and whether of one portfolio alone."""
        seen = company.query(
            """
            select distinct m.role, count(distinct v.org_id), bool_and(v.portfolio is not null)
            from access.memberships as m join access.users as u on u.id = m.user_id
            left join access.visible_organizations as v on v.user_id = m.user_id
            where u.is_active and m.ended_at is null group by m.user_id, m.role
            """
        )
        assert set(seen) == {
            ("bank_administrator", 6, False),
            ("corporate", 1, False),
            ("corporate", 2, False),
            ("individual", 1, True),
        }
        gone = "select count(*) from access.users where not is_active"
        assert company.query(gone) == [(6,)]
        assert company.query(
            "select count(*) from access.visible_organizations join access.users on users.id = user_id "
            "where not is_active"
        ) == [(0,)]


class TestLivingOn:
    def test_deletes_and_late_rows_are_in_the_truth(self, older: Company) -> None:
        deletes, late = older.truth(DELETES), older.truth(LATE_ROWS)
        assert {"payment_allocations"} < {line["table"] for line in deletes}
        for line in deletes:
            assert older.query(f"select 1 from {line['table']} where id = %s", line["id"]) == []
        assert {"payments", "ar_invoices", "gl_entries"} <= {line["table"] for line in late}
        for line in late:
            stamp, committed = (datetime.fromisoformat(line[name]) for name in ("updated_at", "committed_at"))
            assert stamp.date() + timedelta(days=1) == committed.date()

    def test_each_day_has_its_own_files(self, older: Company) -> None:
        days = Counter(key.split("/")[2] for key in older.files())
        assert sorted(days) == [str(END - timedelta(days=n)) for n in range(DAYS, -1, -1)]

    def test_a_company_is_not_generated_over_another(self, older: Company) -> None:
        before = older.content()
        with pytest.raises(GenerateError, match="already has a company generated up to 2026-03-31"):
            generate("tiny", target=older.target)
        assert older.content() == before

    def test_nothing_to_live_on(self, found: Callable[[str], Target]) -> None:
        empty = found("empty")
        with pytest.raises(GenerateError, match="run `tieout generate` first"):
            advance(1, target=empty)
        with pytest.raises(GenerateError, match="ask for 1 or more"):
            advance(0, target=empty)

    def test_a_failure_leaves_no_rows_and_the_next_call_heals(self, found: Callable[[str], Target]) -> None:
        target = found("failing")

        class Broken:
            def __getattr__(self, name: str) -> Any:
                return getattr(target.s3, name)

            def put_object(self, **_: Any) -> None:
                raise ConnectionError("the store is away")

        plan = replace(PLAN, invoices=1000, bills=400)
        with pytest.raises(ConnectionError):
            live(plan, END, replace(target, s3=Broken()))
        assert all(count == 0 for count, _ in Company(target).content().values())
        live(plan, END, target)
        before = Company(target).content()
        with pytest.raises(ConnectionError):
            advance(1, target=replace(target, s3=Broken()))
        assert Company(target).content() == before
        assert advance(1, target=target).last_day == END + timedelta(days=1)

    def test_what_is_loaded_unchecked_is_proven(
        self, found: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The bulk load leaves foreign keys and triggers out; a break must still be seen before it is committed."""
        target = found("proof")
        monkeypatch.setattr("tieout.generate.run.TABLES", tuple(name for name in TABLES if name != "suppliers"))
        with pytest.raises(psycopg.IntegrityError, match=r"generated rows break ap_bills_supplier_id_org_id_fkey"):
            live(replace(PLAN, invoices=1000, bills=400), END, target)
        assert Company(target).content()["ap_bills"][0] == 0


@pytest.fixture(scope="module")
def cards(company: Company) -> dict[str, Any]:
    """Both sides of the reconciliation as the files have them, by the id of the charge or refund."""
    organizations = dict(company.query("select id::text, base_currency from organizations"))
    currencies = {row["id"]: row["symbol"] for row in company.extract("netsuite", "currency")}
    main = {row["transaction"]: row for row in company.extract("netsuite", "transactionline") if row["mainline"] == "T"}
    receipts = defaultdict(list)
    for row in company.extract("netsuite", "transaction"):
        if row["type"] in ("CustPymt", "CustRfnd") and row["externalid"]:
            receipts[row["externalid"]].append(
                {
                    "id": int(row["id"]),
                    "currency": currencies[row["currency"]],
                    "amount": Decimal(main[row["id"]]["foreignamount"]),
                    "created": datetime.strptime(row["createddate"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC),
                }
            )
    return {
        "organizations": organizations,
        "digits": dict(company.query("select code, minor_unit from currencies")),
        "charges": {row["id"]: row for row in company.extract("stripe", "charges")},
        "balance": {
            row["source"]: row
            for row in company.extract("stripe", "balance_transactions")
            if row["type"] in ("charge", "refund")
        },
        "refunds": {row["id"]: row for row in company.extract("stripe", "refunds")},
        "receipts": receipts,
        "payments": {
            row[0]: row
            for row in company.query(
                "select processor_reference, status, currency, amount, org_id::text, id::text, created_at "
                "from payments where processor = 'stripe'"
            )
        },
    }


def _amount(cards: dict[str, Any], row: dict[str, Any]) -> Decimal:
    return Decimal(row["amount"]).scaleb(-cards["digits"][row["currency"].upper()])


class TestExtracts:
    @pytest.mark.parametrize(
        ("source", "entity"),
        [(table.source, table.name) for table in DELIVERED],
    )
    def test_every_extract_has_the_columns_of_its_description(self, company: Company, source: str, entity: str) -> None:
        table = next(table for table in load_sources()[source].tables if table.name == entity)
        rows = company.extract(source, entity)
        assert rows
        # a made-up company deletes nothing there
        described = [column for column in table.columns if not column.marks_deletion]
        named = {column.name for column in described if (entity, column.name) not in NOT_OF_THE_API}
        assert named <= set(rows[0]) if source == "stripe" else named == set(rows[0])
        for column in table.columns:
            if not column.nullable:
                assert all(row[column.name] not in (None, "") for row in rows), column.name

    def test_the_reader_of_landed_files_takes_every_line(self, company: Company, older: Company) -> None:
        tables = {f"{table.source}/{table.name}": table for table in DELIVERED}
        currencies = dict(company.query("select code, minor_unit from currencies"))
        for of in (company, older):
            for key, body in of.files().items():
                table = tables["/".join(key.split("/")[:2])]
                chunks = list(read_file(table, key.removesuffix(".gz"), io.BytesIO(body), currencies))
                assert [bad for chunk in chunks for bad in chunk.rejected] == [], key
                header = 0 if key.startswith("stripe/") else 1
                assert sum(chunk.rows.num_rows for chunk in chunks) == body.count(b"\n") - header, key

    def test_every_file_is_in_the_folder_of_its_day(self, company: Company) -> None:
        for key in company.files():
            source, _, day, name = key.split("/")
            assert day == str(END)
            assert name == f"generated-0001.{'jsonl' if source == 'stripe' else 'csv'}.gz"

    def test_stripe_s_net_is_amount_less_fee(self, company: Company) -> None:
        rows = company.extract("stripe", "balance_transactions")
        assert {"charge", "refund", "payout", "payout_failure", "adjustment", "stripe_fee", "topup"} == {
            row["type"] for row in rows
        }
        assert all(row["amount"] - row["fee"] == row["net"] for row in rows)

    def test_payouts_pay_what_became_available(self, company: Company) -> None:
        """Per currency: nothing is paid out that did not come in, and what is left is young or negative."""
        net: Counter[str] = Counter()
        for row in company.extract("stripe", "balance_transactions"):
            net[row["currency"]] += row["net"]
        paid = Counter()
        for row in company.extract("stripe", "payouts"):
            assert row["amount"] > 0
            paid[row["currency"]] += row["amount"]
        assert set(net) == set(paid)
        for currency, left in net.items():
            assert left < paid[currency], currency

    def test_netsuite_s_lines_balance(self, company: Company) -> None:
        for entity, column in (("transactionline", "foreignamount"), ("transactionaccountingline", "amount")):
            sums: dict[str, Decimal] = defaultdict(Decimal)
            for row in company.extract("netsuite", entity):
                sums[row["transaction"]] += Decimal(row[column])
            assert sums and not any(sums.values())

    def test_netsuite_writes_dates_as_netsuite_does(self, company: Company) -> None:
        row = company.extract("netsuite", "transaction")[0]
        assert row["trandate"].endswith(" 0:00:00")
        assert {row["posting"] for row in company.extract("netsuite", "transaction")} == {"T"}

    def test_subsidiaries_are_the_organizations(self, company: Company) -> None:
        ours = company.query("select netsuite_subsidiary_id::text, country from organizations")
        assert sorted((row["id"], row["country"]) for row in company.extract("netsuite", "subsidiary")) == sorted(ours)

    def test_a_charge_is_a_payment_to_the_minor_unit(self, cards: dict[str, Any]) -> None:
        seen = set()
        for charge, row in cards["charges"].items():
            payment = cards["payments"].get(charge)
            if payment is None:
                # The company deletes some failed attempts; Stripe keeps all.
                assert row["status"] == "failed"
                continue
            _, status, currency, amount, _, _, created = payment
            seen.add(currency)
            assert row["currency"] == currency.lower()
            assert _amount(cards, row) == amount
            assert row["created"] == int(created.timestamp())
            assert (row["status"] == "failed") == (status == "failed")
            assert row["refunded"] == (status == "reversed")
            if row["paid"]:
                assert cards["balance"][charge]["amount"] == row["amount"]
        assert {"JPY", "KWD", "USD", "EUR"} <= seen


class TestFaults:
    def labelled(self, company: Company, label: str) -> list[dict[str, Any]]:
        lines = [line for line in company.truth(FAULTS) if line["label"] == label]
        assert lines, f"the company has no {label}"
        return lines

    def test_a_charge_without_a_fault_matches(self, company: Company, cards: dict[str, Any]) -> None:
        faulty = {line["source_id"] for line in company.truth(FAULTS)}
        good = 0
        for charge, row in cards["charges"].items():
            if charge in faulty or not row["paid"]:
                continue
            (receipt,) = cards["receipts"][charge]
            assert receipt["currency"] == row["currency"].upper()
            assert receipt["amount"] == _amount(cards, row)
            lag = receipt["created"] - datetime.fromtimestamp(row["created"], UTC)
            assert timedelta() < lag < timedelta(hours=24)
            assert row["metadata"]["org_id"] == cards["payments"][charge][4]
            good += 1
        assert good > 5 * len(faulty) / 2

    def test_a_refund_without_a_fault_matches(self, company: Company, cards: dict[str, Any]) -> None:
        faulty = {line["source_id"] for line in company.truth(FAULTS)}
        good = cards["refunds"].keys() - faulty
        assert good
        for refund in good:
            row = cards["balance"][refund]
            (entry,) = cards["receipts"][refund]
            assert entry["currency"] == row["currency"].upper()
            assert entry["amount"] == _amount(cards, row) < 0
            assert entry["created"] - datetime.fromtimestamp(row["created"], UTC) == timedelta(hours=1)

    def test_a_side_without_a_charge_is_without_its_refund(self, company: Company, cards: dict[str, Any]) -> None:
        lines = [line for line in company.truth(FAULTS) if line["source_id"].startswith("re_")]
        assert {line["label"] for line in lines} == {"missing_in_erp", "missing_in_billing"}
        faulty = {line["source_id"] for line in company.truth(FAULTS)}
        for line in lines:
            if line["label"] == "missing_in_erp":
                assert cards["refunds"][line["source_id"]]["charge"] in faulty
                assert _amount(cards, cards["balance"][line["source_id"]]) == Decimal(line["stripe_amount"]) < 0
            else:
                assert line["source_id"] not in cards["refunds"]
                assert Decimal(line["netsuite_amount"]) < 0

    def test_missing_in_erp(self, company: Company, cards: dict[str, Any]) -> None:
        for line in self.labelled(company, "missing_in_erp"):
            assert line["source_id"] in cards["balance"]
            assert line["source_id"] not in cards["receipts"] and line["transaction_ids"] == []

    def test_missing_in_billing(self, company: Company, cards: dict[str, Any]) -> None:
        for line in self.labelled(company, "missing_in_billing"):
            assert line["source_id"] not in cards["charges"] and line["source_id"] not in cards["balance"]
            assert [receipt["id"] for receipt in cards["receipts"][line["source_id"]]] == line["transaction_ids"]

    def test_amount(self, company: Company, cards: dict[str, Any]) -> None:
        signs = set()
        for line in self.labelled(company, "amount"):
            (receipt,) = cards["receipts"][line["source_id"]]
            row = cards["charges"][line["source_id"]]
            off = receipt["amount"] - _amount(cards, row)
            assert abs(off) == Decimal(1).scaleb(-cards["digits"][receipt["currency"]])
            assert receipt["amount"] == Decimal(line["netsuite_amount"])
            assert _amount(cards, row) == Decimal(line["stripe_amount"])
            signs.add(off > 0)
        assert signs == {True, False}

    def test_duplicate_in_erp(self, company: Company, cards: dict[str, Any]) -> None:
        for line in self.labelled(company, "duplicate_in_erp"):
            one, two = cards["receipts"][line["source_id"]]
            assert sorted([one["id"], two["id"]]) == sorted(line["transaction_ids"])
            assert one["amount"] == two["amount"] == _amount(cards, cards["charges"][line["source_id"]])

    def test_currency(self, company: Company, cards: dict[str, Any]) -> None:
        for line in self.labelled(company, "currency"):
            (receipt,) = cards["receipts"][line["source_id"]]
            assert receipt["currency"] == line["netsuite_currency"] != line["stripe_currency"]
            assert cards["charges"][line["source_id"]]["currency"].upper() == line["stripe_currency"]

    def test_metadata(self, company: Company, cards: dict[str, Any]) -> None:
        kinds = set()
        for line in self.labelled(company, "metadata"):
            org = cards["charges"][line["source_id"]]["metadata"].get("org_id")
            assert org != line["org_id"]
            assert org is None or org in cards["organizations"]
            kinds.add(org is None)
        assert kinds == {True, False}

    def test_late_posting(self, company: Company, cards: dict[str, Any]) -> None:
        posted = 0
        for line in self.labelled(company, "late_posting"):
            charged = datetime.fromisoformat(line["created_at"])
            assert datetime.fromisoformat(line["posted_at"]) - charged > timedelta(hours=24)
            for receipt in cards["receipts"][line["source_id"]]:
                posted += 1
                assert receipt["created"] - charged > timedelta(hours=24)
        assert posted
