"""Bank transactions and cash positions from the app database to Gold, over two days with a late booking between."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import psycopg
import pytest
from tests.dbt import PROJECT, build
from tests.lake import fresh_app_database, fresh_lake

from tieout import connections
from tieout.batch import Batch
from tieout.controls.identities import identity_totals, load_identities
from tieout.extract.postgres import extract_app_db

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("first_day")]

FIRST, SECOND = date(2026, 11, 1), date(2026, 11, 2)
# More days than Trino's sequence() can count to at once.
OPENED = date(1990, 1, 1)
LATE = date(2026, 10, 20)
TABLES = ("dim_bank_account", "fact_bank_transactions", "fact_cash_position")
MODELS = ("--select", "+dim_organization", "dim_bank_account", "+fact_bank_transactions", "+fact_cash_position")

BOOKS = """
insert into organizations (name, country, base_currency) values ('One', 'US', 'USD');
insert into fx_rates (org_id, from_currency, to_currency, rate_type, rate_date, rate)
select id, 'EUR', 'USD', rate_type, '2026-10-15', 1.25
from organizations, unnest(array['spot', 'closing']) as rate_type;
insert into bank_accounts (id, org_id, name, account_number, currency, opening_balance, opened_on)
select account::uuid, organizations.id, account_name, '****1', currency, opening_balance, opened_on::date
from organizations, (values
  ('00000000-0000-7000-8000-00000000000a', 'Main', 'USD', 1000, %(opened)s),
  ('00000000-0000-7000-8000-00000000000b', 'Euro', 'EUR', 50, '2026-10-01')
) as opened (account, account_name, currency, opening_balance, opened_on);
-- Texts that would be malformed as regular expressions, or mean something else as patterns.
insert into bank_category_rules (name, priority, counterparty_contains, section, category)
values ('Broken', 1, '[a-z(', 'operating', 'brackets'), ('Wild', 2, '%%', 'operating', 'per_cent');
insert into bank_transactions (org_id, bank_account_id, transfer_group_id, currency, amount, booked_on, counterparty)
select organizations.id, account::uuid, transfer::uuid, currency, amount, booked_on::date, counterparty
from organizations, (values
  ('00000000-0000-7000-8000-00000000000a', null, 'USD', -40.25, '2026-10-10', 'Smith [A-Z(2)'),
  ('00000000-0000-7000-8000-00000000000a', null, 'USD', 10, '2026-10-11', 'Smith'),
  ('00000000-0000-7000-8000-00000000000a', '00000000-0000-7000-8000-0000000000ff', 'USD', -125, '2026-10-30', 'Own')
) as booked (account, transfer, currency, amount, booked_on, counterparty)
"""
NEWS = """
update bank_category_rules set counterparty_contains = 'smith' where name = 'Wild';
insert into bank_transactions (org_id, bank_account_id, transfer_group_id, currency, amount, booked_on, counterparty)
select organizations.id, '00000000-0000-7000-8000-00000000000b', transfer::uuid, 'EUR', amount, booked_on::date, 'Own'
from organizations, (values
  ('00000000-0000-7000-8000-0000000000ff', 98, '2026-11-02'),
  (null, -7, '2026-10-20')
) as booked (transfer, amount, booked_on)
"""


@pytest.fixture(scope="module")
def first_day(stack) -> None:
    """The first day's run, as far as banking goes, with the data tests of its models."""
    fresh_app_database()
    fresh_lake()
    with connections.app_db() as app:
        psycopg.ClientCursor(app).execute(BOOKS, {"opened": OPENED})
    run(FIRST)


def run(day: date, *options: str) -> None:
    extract_app_db(Batch.of(day, "test"))
    build(PROJECT, str(day), *MODELS, "--exclude-resource-type", "unit_test", *options)


def query(sql: str) -> list[tuple]:
    return connections.query(sql.replace("from ", "from lake.gold_candidate.", 1))


def contents() -> dict[str, Counter]:
    return {table: Counter(query(f"select * from {table}")) for table in TABLES}


def written(table: str) -> list[int]:
    """Rows added by each of the table's commits, oldest first; an update adds its row again."""
    return [
        int(count or 0)
        for (count,) in query(
            f"select element_at(summary, 'added-records') from \"{table}$snapshots\" order by committed_at"
        )
    ]


def untied() -> list[str]:
    own = [identity for identity in load_identities() if identity.entity in TABLES]
    assert {identity.entity for identity in own} == set(TABLES)
    return [identity.name for identity, (left, right) in identity_totals(own).items() if left != right or not left]


def test_the_first_day():
    found = query("select amount, section, category, rule_name, transfer_status from fact_bank_transactions")
    assert sorted(found) == [
        (Decimal("-125"), "transfers", "uncategorized", None, "one_leg"),
        (Decimal("-40.25"), "operating", "brackets", "Broken", None),
        (Decimal("10"), "uncategorized", "uncategorized", None, None),
    ]
    days = dict(query("select currency, count(*) from fact_cash_position group by 1"))
    assert days == {"USD": (FIRST - OPENED).days + 1, "EUR": (FIRST - date(2026, 10, 1)).days + 1}
    # 1000 - 40.25 + 10 - 125; 50 × 1.25
    newest = f"from fact_cash_position where position_date = date '{FIRST}'"
    assert sorted(query(f"select currency, closing_balance, base_closing_balance {newest}")) == [
        ("EUR", Decimal("50"), Decimal("62.5")),
        ("USD", Decimal("844.75"), Decimal("844.75")),
    ]
    assert untied() == []


def test_the_second_day_writes_what_changed_and_no_more():
    with connections.app_db() as app:
        app.execute(NEWS)
    run(SECOND)
    found = query("select amount, category, rule_name, transfer_status, transfer_rate from fact_bank_transactions")
    assert sorted(found) == [
        # 98 / 125
        (Decimal("-125"), "uncategorized", None, "exchanged", Decimal("0.784")),
        (Decimal("-40.25"), "brackets", "Broken", None, None),
        (Decimal("-7"), "uncategorized", None, None, None),
        (Decimal("10"), "per_cent", "Wild", None, None),
        (Decimal("98"), "uncategorized", None, "exchanged", Decimal("0.784")),
    ]
    euro = "currency = 'EUR' and position_date >= date '2026-10-19'"
    closing = dict(query(f"select position_date, closing_balance from fact_cash_position where {euro}"))
    # 50, less 7 from the late booking's day on, and 98 more at last
    assert closing == {date(2026, 10, 19): 50, SECOND: 141} | {
        LATE + timedelta(days=n): 43 for n in range((SECOND - LATE).days)
    }
    # the new day of both accounts, and the days of one since the late booking; the other's 13,000 days are left alone
    assert written("fact_cash_position")[-1] == 2 + (SECOND - LATE).days
    assert untied() == []

    held, commits = contents(), written("fact_cash_position")
    build(PROJECT, str(SECOND), "--select", *TABLES, "--exclude-resource-type", "unit_test", "test")
    assert written("fact_cash_position") == commits
    build(PROJECT, str(SECOND), "--select", *TABLES, "--exclude-resource-type", "unit_test", "test", "--full-refresh")
    assert contents() == held
