"""KPIs, aging and control accounts on 2,466 invoices that nobody on this project made, against answers from outside.

The invoices come without a ledger. It is posted in the end, with three mistakes that have to be found.
"""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from tests.dbt import PROJECT, build
from tests.lake import fresh_app_database, fresh_lake
from tests.real_data import DATA, INVOICES, ORG, day, invoice_id, load_invoices, payment_id

from tieout import aging, connections
from tieout.batch import Batch
from tieout.errors import ConfigError
from tieout.extract.postgres import extract_app_db
from tieout.settings import PROJECT_ROOT

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"NOT TESTED ON REAL DATA: {DATA} is not there"),
    pytest.mark.usefixtures("books"),
]

LOADED = date(2013, 9, 30)
WITH_ANSWERS = [date(2012, 12, 31), date(2013, 6, 30)]
GOLD = "lake.gold_candidate"


@pytest.fixture(scope="module")
def books(stack: None) -> None:
    """The newest day as a run makes it, two earlier ones as `tieout aging` does."""
    fresh_app_database()
    fresh_lake()
    load_invoices()
    load()
    build(
        PROJECT, str(LOADED), "--select", *(f"+{fact}" for fact in aging.FACTS), "--exclude-resource-type", "unit_test"
    )
    for past in WITH_ANSWERS:
        aging.write(past)


def load() -> None:
    extract_app_db(Batch.of(LOADED, "test"))


def kpi(as_of: date, *columns: str) -> tuple:
    [row] = connections.query(
        f"select {', '.join(columns)} from {GOLD}.fact_kpi_daily where as_of_date = date '{as_of}'"
    )
    return tuple(row)


def invoices() -> list[dict[str, str]]:
    with INVOICES.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(
    ("as_of", "receivable", "revenue", "dso"),
    [
        pytest.param(WITH_ANSWERS[0], "5725.06", "19196.81", "26.8407", id="end of 2012"),
        pytest.param(WITH_ANSWERS[1], "5119.85", "19903.70", "23.1508", id="mid 2013"),
    ],
)
def test_days_sales_outstanding_are_the_known_ones(as_of: date, receivable: str, revenue: str, dso: str) -> None:
    owed, sold, days = kpi(as_of, "total_ar_amount", "revenue_amount", "dso")
    assert (owed, sold) == (Decimal(receivable), Decimal(revenue))
    assert round(days, 4) == Decimal(dso)
    assert days == round(owed * 90 / sold, 10)


@pytest.mark.parametrize("as_of", [*WITH_ANSWERS, LOADED])
def test_the_other_kpis_are_what_the_file_says(as_of: date) -> None:
    window = as_of - timedelta(days=90)
    rows = invoices()
    late = sum(Decimal(row["InvoiceAmount"]) for row in rows if day(row["DueDate"]) < as_of < day(row["SettledDate"]))
    collected = sum(Decimal(row["InvoiceAmount"]) for row in rows if window < day(row["SettledDate"]) <= as_of)
    owed, *found = kpi(
        as_of, "total_ar_amount", "overdue_ar_amount", "collected_amount", "payment_success_rate", "overdue_ratio"
    )
    assert found == [late, collected, Decimal(1), round(late / owed, 10)]
    # there are no bills, and no inventory
    assert kpi(as_of, "total_ap_amount", "dpo", "dio", "ccc") == (0, None, 0, None)


def test_the_page_s_query_for_any_day_gives_what_a_run_of_that_day_wrote() -> None:
    page = (PROJECT_ROOT / "docs" / "gold.md").read_text()
    [asked] = re.findall(r"```sql\n([^`]*?date '(?:[-\d]+)' as as_of_date[^`]*?)```", page)
    for as_of in (*WITH_ANSWERS, LOADED):
        query = re.sub(r"date '[-\d]+' as as_of_date", f"date '{as_of}' as as_of_date", asked)
        written = connections.query(
            f"select currency, aging_bucket, count(*), sum(remaining_amount) from {GOLD}.fact_ar_aging "
            f"where as_of_date = date '{as_of}' group by 1, 2 order by 1, 2"
        )
        assert connections.query(query.replace("lake.gold.", f"{GOLD}.")) == written
        assert written


def test_a_day_that_is_not_loaded_cannot_be_asked_for() -> None:
    assert aging.days_of("2012-12-30", "2013-01-01") == [date(2012, 12, 30), date(2012, 12, 31), date(2013, 1, 1)]
    with pytest.raises(ConfigError, match="2013-10-01 is not loaded yet, the newest day is 2013-09-30"):
        aging.days_of("2013-09-30", "2013-10-01")
    with pytest.raises(ConfigError, match="--to 2013-01-01 is before --as-of 2013-01-02"):
        aging.days_of("2013-01-02", "2013-01-01")


def test_books_without_a_ledger_are_neither_tied_nor_off() -> None:
    assert connections.query(
        "select as_of_date, control_account, open_amount, ledger_amount, is_tied "
        f"from {GOLD}.fact_control_account_ties where as_of_date = date '{LOADED}'"
    ) == [(LOADED, "receivable", Decimal("5029.2200"), None, None)]


def test_mistakes_in_the_ledger_are_listed_by_document() -> None:
    """Everything posted but one invoice, one payment a cent short, and a journal that names no document."""
    unposted, short, *_ = invoices()
    journal = UUID(int=7)
    with connections.app_db() as app:
        post_ledger(app, invoice_id(unposted), payment_id(short), journal)
    load()
    with pytest.raises(AssertionError, match="control_accounts_tie: Got 1 result"):
        build(
            PROJECT,
            str(LOADED),
            "--select",
            "stg_app_db__gl_accounts+",
            "stg_app_db__gl_entries+",
            "--exclude-resource-type",
            "unit_test",
        )
    amount = Decimal(unposted["InvoiceAmount"])
    listed = connections.query(
        "select posted_type, posted_id, subledger_amount, ledger_amount, difference_amount "
        f"from {GOLD}.fact_control_account_differences where as_of_date = date '{LOADED}' order by 1"
    )
    settled, cent = -Decimal(short["InvoiceAmount"]), Decimal("0.01")
    assert listed == [
        ("ar_invoice", str(invoice_id(unposted)), amount, 0, amount),
        ("journal", str(journal), 0, 5, -5),
        ("payment", str(payment_id(short)), settled, settled + cent, -cent),
    ]
    [(off,)] = connections.query(
        f"select difference_amount from {GOLD}.fact_control_account_ties where as_of_date = date '{LOADED}'"
    )
    assert off == amount - 5 - cent
    # the ledger itself is in order: a mistake is posted on both sides
    assert connections.query(
        f"select sum(balance_amount) from {GOLD}.fact_trial_balance where as_of_date = date '{LOADED}'"
    ) == [(0,)]


def post_ledger(app, unposted: UUID, short: UUID, journal: UUID) -> None:
    for code, name, kind, side in (
        ("1000", "Cash", "asset", "debit"),
        ("1200", "Receivables", "asset", "debit"),
        ("4000", "Revenue", "revenue", "credit"),
    ):
        app.execute(
            "insert into gl_accounts (org_id, account_code, name, account_type, normal_side) values (%s,%s,%s,%s,%s)",
            [ORG, code, name, kind, side],
        )
    app.execute(
        """
        with posted as (
          select gen_random_uuid() as journal_id, invoice_date as day, '1200' as debit, '4000' as credit,
            total_amount as amount, 'ar_invoice' as kind, id
          from ar_invoices where id <> %(unposted)s
          union all
          select gen_random_uuid(), payment_date, '1000', '1200',
            amount - case when id = %(short)s then 0.01 else 0 end, 'payment', id
          from payments
          union all
          select %(journal)s, '2013-09-30', '1200', '4000', 5, null, null
        )
        insert into gl_entries
          (org_id, journal_id, account_id, entry_date, currency, amount, document_type, document_id)
        select %(org)s, journal_id, accounts.id, day, 'USD',
          case when side = 'debit' then amount else -amount end, kind, posted.id
        from posted
        cross join (values ('debit'), ('credit')) as sides (side)
        join gl_accounts as accounts
          on accounts.account_code = case when side = 'debit' then debit else credit end
        """,
        {"unposted": unposted, "short": short, "journal": journal, "org": ORG},
    )
