"""NetSuite as it is, from delivered CSV to Gold: T and F, empty amounts, its dates, two books, a line that is late."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from tests.dbt import PROJECT, build
from tests.lake import fresh_app_database, fresh_lake

from tieout import connections
from tieout.batch import Batch
from tieout.bronze.quarantine import ensure_quarantine
from tieout.extract.landing import extract_landing
from tieout.extract.postgres import extract_app_db

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("delivered")]

DAY_1, DAY_2 = date(2026, 11, 19), date(2026, 11, 20)

CURRENCY = """\
id,symbol,name,currencyprecision,isbasecurrency,exchangerate,lastmodifieddate
1,USD,US Dollar,2,T,1,2020-01-01 0:00:00
2,EUR,Euro,2,F,1.25,2020-01-01 0:00:00
"""
SUBSIDIARY = """\
id,name,fullname,country,currency,parent,iselimination,lastmodifieddate
1,Parent,Parent,US,1,,F,2020-01-01 0:00:00
"""
ACCOUNT = """\
id,acctnumber,accttype,fullname,parent,isinactive,lastmodifieddate
20,2000,AcctPay,Payables,,F,2020-01-01 0:00:00
60,6000,Expense,Rent,,f,2020-01-01 0:00:00
61,6000L,Expense,Rent (local books),,false,2020-01-01 0:00:00
"""
PERIOD = """\
id,periodname,startdate,enddate,closed,isquarter,isyear,isadjust,lastmodifieddate
11,Nov 2026,2026-11-01 0:00:00,2026-11-30 0:00:00,F,F,F,F,2026-11-01 0:00:00
"""
TRANSACTION = """\
id,transactionnumber,type,status,memo,currency,entity,postingperiod,posting,trandate,createddate,duedate,closedate
1,BILL1,VendBill,A,,2,7,11,T,2026-11-10 0:00:00,2026-11-10 9:05:07,2026-12-10,
2,ORD1,PurchOrd,B,,1,7,,F,2026-11-11 0:00:00,2026-11-11 14:00:00,,
3,,Journal,,,1,,11,t,2026-11-12,,,
"""
LINE = """\
transaction,id,mainline,taxline,subsidiary,entity,item,foreignamount,netamount,memo,linelastmodifieddate
1,0,T,F,1,7,,-80,-100,,2026-11-10 9:05:07
1,1,F,F,1,7,,80.00,100.00,rent,2026-11-10 9:05:07
1,2,F,T,1,7,,,,,2026-11-10 9:05:07
2,0,true,FALSE,1,7,,50,50,,2026-11-11 14:00:00
3,1,,F,1,,,12.345,12.345,,2026-11-12 0:00:00
"""
# Book 2 has the bill in EUR and on accounts of its own. Line 2 carries no money; the journal's credit is yet to come.
ACCOUNTING_LINE = """\
transaction,transactionline,accountingbook,account,amount,debit,credit,netamount,exchangerate,posting
1,0,1,20,-100,,100,-100,1.25,T
1,1,1,60,100.0000,100,,100,1.25,T
1,2,1,60,,,,,1.25,T
1,0,2,20,-80,,80,-80,1,T
1,1,2,61,80,80,,80,1,T
2,0,1,60,50,50,,50,1,F
3,1,1,60,,12.345,,,1,t
"""
SECOND_DAY = """\
transaction,transactionline,accountingbook,account,amount,debit,credit,netamount,exchangerate,posting
3,2,1,20,-12.345,,12.345,-12.345,1,T
"""
LINE_SECOND_DAY = """\
transaction,id,mainline,taxline,subsidiary,entity,item,foreignamount,netamount,memo,linelastmodifieddate
3,2,F,F,1,,,-12.345,-12.345,,2026-11-12 0:00:00
"""
FIRST_DAY = {
    "currency": CURRENCY,
    "subsidiary": SUBSIDIARY,
    "account": ACCOUNT,
    "accountingperiod": PERIOD,
    "transaction": TRANSACTION,
    "transactionline": LINE,
    "transactionaccountingline": ACCOUNTING_LINE,
}


@pytest.fixture(scope="module")
def delivered(stack: object) -> None:
    """The first day as delivered, through Bronze and Silver to the fact."""
    fresh_app_database()
    fresh_lake()
    ensure_quarantine(connections.iceberg_catalog())
    load(DAY_1, FIRST_DAY)


def load(day: date, files: dict[str, str]) -> None:
    for table, text in files.items():
        key = f"netsuite/{table}/{day}/extract.csv"
        connections.s3_client().put_object(Bucket=connections.LANDING_BUCKET, Key=key, Body=text.encode())
    extract_app_db(Batch.of(day, "test"))
    outcomes = extract_landing("netsuite", Batch.of(day, "test"))
    assert {o.entity for o in outcomes if o.status == "loaded"} == files.keys()
    build(PROJECT, str(day), "--select", "+fact_erp_postings", "--exclude-resource-type", "unit_test")


def test_nothing_is_put_aside_and_every_book_is_in_silver() -> None:
    assert connections.query("select count(*) from lake.bronze.quarantine") == [(0,)]
    books = "select accounting_book_id, count(*), sum(amount) from {} group by 1 order by 1"
    assert connections.query(books.format("lake.silver.stg_netsuite__transactionaccountingline")) == [
        (1, 5, Decimal("50.0000")),
        (2, 2, Decimal("0.0000")),
    ]


def test_letters_are_booleans_in_either_case_and_empty_ones_unknown() -> None:
    mains = "select transaction_id, line_id, is_main_line, is_tax_line from lake.silver.stg_netsuite__transactionline"
    assert sorted(map(tuple, connections.query(mains)), key=lambda row: row[:2]) == [
        (1, 0, True, False),
        (1, 1, False, False),
        (1, 2, False, True),
        (2, 0, True, False),
        (3, 1, None, False),
    ]
    assert connections.query("select account_id from lake.silver.stg_netsuite__account where is_inactive") == []
    posting = "select transaction_id, is_posting from lake.silver.stg_netsuite__transaction order by 1"
    assert connections.query(posting) == [(1, True), (2, False), (3, True)]


def test_empty_amounts_are_null_and_never_zero() -> None:
    of_line = (
        "select amount, debit_amount, credit_amount, net_amount "
        "from lake.silver.stg_netsuite__transactionaccountingline where accounting_book_id = 1 and transaction_id = {} "
        "and line_id = {}"
    )
    assert connections.query(of_line.format(1, 2)) == [(None, None, None, None)]
    assert connections.query(of_line.format(3, 1)) == [(None, Decimal("12.3450"), None, None)]
    assert connections.query("select amount from lake.silver.stg_netsuite__transactionline where line_id = 2") == [
        (None,)
    ]


def test_its_dates_are_read_with_and_without_a_clock() -> None:
    dates = "cast(transaction_date as varchar), cast(created_at as varchar), cast(due_date as varchar)"
    of = f"select {dates} from lake.silver.stg_netsuite__transaction where transaction_id <> 2 order by transaction_id"
    assert connections.query(of) == [
        ("2026-11-10 00:00:00.000000", "2026-11-10 09:05:07.000000", "2026-12-10 00:00:00.000000"),
        ("2026-11-12 00:00:00.000000", None, None),
    ]


def test_gold_posts_the_primary_book_once_and_a_late_line_balances_it() -> None:
    by_account = (
        "select account_number, account_type, currency, sum(amount), base_currency, sum(base_amount) "
        "from lake.gold_candidate.fact_erp_postings group by 1, 2, 3, 5 order by 1, 3"
    )
    off = (
        "select netsuite_transaction_id, sum(base_amount) from lake.gold_candidate.fact_erp_postings "
        "group by 1 order by 1"
    )
    # The bill: EUR 80 at 1.25. The order does not post. The journal's amount is its debit.
    assert connections.query(by_account) == [
        ("2000", "AcctPay", "EUR", Decimal("-80.0000"), "USD", Decimal("-100.0000")),
        ("6000", "Expense", "EUR", Decimal("80.0000"), "USD", Decimal("100.0000")),
        ("6000", "Expense", "USD", Decimal("12.3450"), "USD", Decimal("12.3450")),
    ]
    assert connections.query(off) == [(1, Decimal("0.0000")), (3, Decimal("12.3450"))]
    load(DAY_2, {"transactionaccountingline": SECOND_DAY, "transactionline": LINE_SECOND_DAY})
    assert connections.query(off) == [(1, Decimal("0.0000")), (3, Decimal("0.0000"))]
