"""Budgets from files and from the app, against the ledger: Philadelphia's adopted budgets and what it spent.

The city's files become what a company would have: a department is an expense account, an adopted budget a line of
budget_<year>.csv, a year's spending a journal. Years are fiscal (July to June), and everything of one is in its June.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from tests.app_database import Connect, app_database
from tests.dbt import PROJECT, build
from tests.lake import fresh_app_database, fresh_lake

from tieout import connections
from tieout.batch import Batch
from tieout.bronze.validation import validate_bronze
from tieout.controls.identities import identity_totals, load_identities
from tieout.extract.landing import extract_landing
from tieout.extract.postgres import extract_app_db
from tieout.planning import BudgetError, enter
from tieout.settings import PROJECT_ROOT

pytestmark = pytest.mark.integration

DATA = PROJECT_ROOT.parent / "shared" / "data" / "philadelphia_budget" / "spending"
ADOPTED, SPENT = "budgeted-department-spending-adopted.csv", "actual-department-spending.csv"
YEAR = 2019
FIRST, SECOND = "2019-07-01", "2019-07-02"
STRANGER = "00000000-0000-7000-8000-000000000000"
MODELS = ("+fact_variance", "+dim_organization")
PLANNING = {"budget_entries", "budget_lines", "financials_plan", "financials_actual"}

Amounts = dict[tuple[str, int], Decimal]


def read(name: str) -> Amounts:
    """{(dept_name, fiscal year): total}; the names are those that the Controller made one of each department's many."""
    with (DATA / name).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    amounts = {(row["dept_name"], int(row["fiscal_year"])): Decimal(row["total"]) for row in rows}
    assert len(amounts) == len(rows)
    return amounts


@pytest.fixture(scope="module")
def adopted() -> Amounts:
    return read(ADOPTED)


@pytest.fixture(scope="module")
def spent() -> Amounts:
    return read(SPENT)


@pytest.fixture(scope="module")
def accounts(stack: None, adopted: Amounts, spent: Amounts) -> dict[str, str]:
    """The city's books taken to Gold: account ids by department."""
    fresh_app_database()
    fresh_lake()
    departments = sorted({name for name, _ in adopted | spent})
    with connections.app_db() as conn:
        ids = _open_books(conn, departments)
        _post(conn, ids, spent)
    by_year: dict[int, list[tuple[str, date, Decimal]]] = defaultdict(list)
    for (name, year), amount in adopted.items():
        by_year[year].append((ids[name], date(year, 6, 1), amount))
    for year, lines in by_year.items():
        deliver(f"{FIRST}/budget_{year}.csv", [(*line, "Budget") for line in lines])
    load(FIRST)
    build(PROJECT, FIRST, "--select", *MODELS)
    return ids


def _open_books(conn: psycopg.Connection, departments: list[str]) -> dict[str, str]:
    org = conn.execute(
        "insert into organizations (name, country, base_currency) values ('City of Philadelphia', 'US', 'USD') "
        "returning id"
    ).fetchone()[0]
    statement = (
        "insert into gl_accounts (org_id, account_code, name, account_type, normal_side) "
        "values (%s, %s, %s, %s, 'debit') returning id"
    )
    conn.execute(statement, (org, "1000", "Treasury", "asset"))
    return {
        name: str(conn.execute(statement, (org, str(5000 + number), name, "expense")).fetchone()[0])
        for number, name in enumerate(departments)
    }


def _post(conn: psycopg.Connection, ids: dict[str, str], spent: Amounts) -> None:
    """A journal per department and year, against the treasury. A ledger has no lines of zero."""
    statement = """
        with journal as (select uuidv7() as id), lines as (
          select org_id, id as account_id, %(amount)s::numeric as amount from gl_accounts where id = %(account)s
          union all
          select org_id, id, -%(amount)s::numeric from gl_accounts where account_code = '1000'
        )
        insert into gl_entries (org_id, journal_id, account_id, entry_date, currency, amount)
        select org_id, journal.id, account_id, %(day)s::date, 'USD', amount from lines, journal
    """
    conn.cursor().executemany(
        statement,
        [
            {"account": ids[name], "amount": amount, "day": date(year, 6, 30)}
            for (name, year), amount in spent.items()
            if amount
        ],
    )


def deliver(place: str, lines: list[tuple[str, date, Decimal, str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["account_id", "budget_month", "amount_signed", "scenario"])
    writer.writerows(lines)
    connections.s3_client().put_object(
        Bucket=connections.LANDING_BUCKET, Key=f"planning/budgets/{place}", Body=text.getvalue().encode()
    )


def load(day: str) -> None:
    batch = Batch.of(day, "test")
    extract_app_db(batch)
    extract_landing("planning", batch)
    validate_bronze(batch)


def variances(columns: str, where: str = "account_type = 'expense'") -> list[tuple[Any, ...]]:
    return connections.query(
        f"select {columns} from lake.gold_candidate.fact_variance where month = date '{YEAR}-06-01' and {where}"
    )


def test_the_city_s_totals(accounts: dict[str, str]) -> None:
    """Published by the City Controller."""
    ((budget, actual, variance),) = variances("sum(budget_amount), sum(actual_amount), sum(variance_amount)")
    assert (budget, actual) == (Decimal("4725497339"), Decimal("4772388569"))
    assert variance == Decimal("-46891230")  # 4,725,497,339 - 4,772,388,569


def test_the_largest_variances(accounts: dict[str, str]) -> None:
    """The Controller counts actual - budget: +134,592,750 and -54,573,000. A variance here is budget - actual."""
    largest = variances(
        "account_name, actual_amount - budget_amount, variance_amount, is_favourable",
        "account_type = 'expense' order by abs(variance_amount) desc limit 2",
    )
    assert largest == [
        ("Office of the Director of Finance", Decimal("134592750"), Decimal("-134592750"), False),
        ("Finance: Recession Reserve", Decimal("-54573000"), Decimal("54573000"), True),
    ]


def test_every_department_and_year_is_as_in_the_city_s_files(
    accounts: dict[str, str], adopted: Amounts, spent: Amounts
) -> None:
    """One side only, planned zeros and spending below zero included; a zero of spending alone is no row."""
    found = {
        (name, month.year): (budget, actual, has_budget)
        for name, month, budget, actual, has_budget in connections.query(
            "select account_name, month, budget_amount, actual_amount, has_budget "
            "from lake.gold_candidate.fact_variance where account_type = 'expense'"
        )
    }
    expected = {
        key: (adopted.get(key, Decimal(0)), spent.get(key, Decimal(0)), key in adopted)
        for key in adopted.keys() | {key for key, amount in spent.items() if amount}
    }
    assert found == expected
    assert any(budget and not actual for budget, actual, _ in found.values())
    assert any(actual and not has_budget for _, actual, has_budget in found.values())
    assert any(actual < 0 for _, actual, _ in found.values())


def test_a_department_that_changed_its_name_is_compared_with_itself(accounts: dict[str, str]) -> None:
    """Half of the departments were renamed in these years, one between its budget and the end of the year."""
    names: dict[str, set[str]] = defaultdict(set)
    for file in (ADOPTED, SPENT):
        with (DATA / file).open(newline="") as stream:
            for row in csv.DictReader(stream):
                names[row["dept_name"]].add(row["dept_name_raw"])
    renamed = {name for name, raw in names.items() if len(raw) > 1}
    assert (len(names), len(renamed)) == (92, 47)
    compared = connections.query(
        "select account_name, count_if(has_budget and has_actual) from lake.gold_candidate.fact_variance "
        "where account_type = 'expense' group by account_name"
    )
    assert set(dict(compared)) <= set(names)
    # Budgeted as one office and spent as another, which is one line all the same.
    assert names["Office of Children and Families"] >= {"Office of Education", "Office of Children and Families"}
    assert variances("has_budget, has_actual", "account_name = 'Office of Children and Families'") == [(True, True)]


def test_a_department_without_a_budget_is_unfavourable_and_has_no_share(accounts: dict[str, str]) -> None:
    rows = connections.query(
        "select variance_share, is_favourable from lake.gold_candidate.fact_variance "
        "where account_type = 'expense' and not has_budget and actual_amount > 0"
    )
    assert set(rows) == {(None, False)}
    share, budget, variance = variances(
        "variance_share, budget_amount, variance_amount", "account_name = 'Office of the Director of Finance'"
    )[0]
    assert share == (variance / budget).quantize(Decimal("1e-10"))


def assert_identities_hold() -> None:
    totals = identity_totals([identity for identity in load_identities() if identity.name in PLANNING])
    assert {identity.name for identity in totals} == PLANNING
    for identity, (silver, gold) in totals.items():
        assert silver == gold, identity.name
    measured = {name: value for _, gold in totals.values() for name, value in gold.items()}
    assert measured["budget:USD"] > 10**10 and measured["expense:USD"] > 10**10


def test_identities_hold(accounts: dict[str, str]) -> None:
    assert_identities_hold()


@pytest.fixture(scope="module")
def entries(accounts: dict[str, str]) -> dict[str, str]:
    """A second day, of which the tests below are: ids of what was entered for the Fire Department, by what it is."""
    account, month = accounts["Fire Department"], date(YEAR, 6, 1)
    ids = {
        "first": enter(account, month, Decimal("1000000.01"), "Budget", "ann"),
        "second": enter(account, date(YEAR, 6, 17), Decimal("250000000.99"), "budget", "bob"),
        "forecast": enter(account, month, Decimal("260000000"), "Forecast", "ann"),
    }
    odd = [(account, date(2030, number % 12 + 1, 1), Decimal(1), f"Forecast {number}") for number in range(48)]
    deliver(f"{SECOND}/budget_{YEAR}_again.csv", [(account, month, Decimal("7"), "Budget")])
    deliver(f"{SECOND}/odd.csv", [*odd, ("5000", date(2030, 1, 1), Decimal(1), "Budget")])
    deliver(f"{SECOND}/stranger.csv", [(STRANGER, date(2030, 1, 1), Decimal("12.5"), "Budget")])
    load(SECOND)
    build(PROJECT, SECOND, "--select", *MODELS, "--exclude-resource-type", "unit_test")
    return ids


def test_the_newest_entry_counts_before_a_newer_file(entries: dict[str, str], adopted: Amounts) -> None:
    assert variances("budget_amount, forecast_amount", "account_name = 'Fire Department'") == [
        (Decimal("250000000.99"), Decimal("260000000"))
    ]
    ((total,),) = variances("sum(budget_amount)")
    assert total == Decimal("4725497339") - adopted["Fire Department", YEAR] + Decimal("250000000.99")
    assert_identities_hold()


def test_the_history_of_a_budget_stays(accounts: dict[str, str], entries: dict[str, str]) -> None:
    account = accounts["Fire Department"]
    history = connections.query(
        "select budget_entry_id, source, who, amount, replaced_by_id, is_effective "
        f"from lake.gold_candidate.fact_budget_entries where account_id = '{account}' and month = date '{YEAR}-06-01' "
        "order by scenario, if(source = 'file', 0, 1), entered_at"
    )
    assert history == [
        (f"{account}/{YEAR}-06-01/Budget", "file", None, Decimal("7"), entries["first"], False),
        (entries["first"], "entry", "ann", Decimal("1000000.01"), entries["second"], False),
        (entries["second"], "entry", "bob", Decimal("250000000.99"), None, True),
        (entries["forecast"], "entry", "ann", Decimal("260000000"), None, True),
    ]


def test_a_line_that_cannot_be_placed_is_quarantined_or_listed(entries: dict[str, str]) -> None:
    reasons = connections.query("select file, reason from lake.bronze.quarantine where source = 'planning'")
    assert reasons == [(f"planning/budgets/{SECOND}/odd.csv", "account_id: '5000' is no UUID")]
    kept = connections.query(
        "select is_account_known, is_effective, count(*), sum(amount) from lake.gold_candidate.fact_budget_entries "
        "where month >= date '2030-01-01' group by 1, 2 order by 1, 2"
    )
    assert kept == [(False, True, 1, Decimal("12.5")), (True, False, 48, Decimal(48))]
    assert connections.query(
        "select budget_amount, is_rate_missing from lake.gold_candidate.fact_variance where org_id is null"
    ) == [(None, True)]


@pytest.fixture(scope="module")
def books(stack: None) -> Iterator[Connect]:
    """The app's table alone, with one account."""
    with app_database("test_planning") as connect:
        with connect() as conn:
            _open_books(conn, ["Fire Department"])
        yield connect


class TestEntries:
    @pytest.fixture
    def db(self, books: Connect) -> Iterator[psycopg.Connection]:
        with books() as conn:
            conn.execute(
                "insert into input_budget (account_id, budget_month, amount, scenario) "
                "select id, '2026-01-01', 12.34, 'Budget' from gl_accounts where account_code = '5000'"
            )
            yield conn
            conn.rollback()

    def test_organization_currency_and_person_follow(self, db: psycopg.Connection) -> None:
        found = db.execute(
            "select o.name, i.currency, i.who = session_user, i.created_at = i.updated_at "
            "from input_budget i join organizations o on o.id = i.org_id"
        ).fetchall()
        assert found == [("City of Philadelphia", "USD", True, True)]

    @pytest.mark.parametrize(
        "statement",
        [
            "update input_budget set amount = 1",
            "update input_budget set who = 'me' where false",
            "delete from input_budget",
            "truncate input_budget",
        ],
    )
    def test_an_entry_is_never_changed(self, db: psycopg.Connection, statement: str) -> None:
        with pytest.raises(psycopg.errors.CheckViolation, match="kept as they were made"):
            db.execute(statement)

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            pytest.param("budget_month", "2026-01-15", id="within a month"),
            pytest.param("scenario", "Actual", id="no plan"),
            pytest.param("amount", "NaN", id="no number"),
            pytest.param("who", " ", id="nobody"),
        ],
    )
    def test_nonsense_is_refused(self, db: psycopg.Connection, column: str, value: str) -> None:
        good = {"budget_month": "2026-01-01", "scenario": "Budget", "amount": "1", "who": "ann", column: value}
        with pytest.raises(psycopg.errors.CheckViolation):
            db.execute(
                "insert into input_budget (account_id, budget_month, scenario, amount, who) "
                "select id, %(budget_month)s::date, %(scenario)s, %(amount)s::numeric, %(who)s "
                "from gl_accounts limit 1",
                good,
            )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"amount": Decimal("1.005")}, "nothing is rounded", id="third decimal"),
        pytest.param({"amount": Decimal("NaN")}, "no number", id="no number"),
        pytest.param({"amount": Decimal("1e30")}, "numeric field overflow", id="too large"),
        pytest.param(
            {"account_id": "00000000-0000-7000-8000-000000000000"}, "there is no ledger account", id="account"
        ),
        pytest.param({"account_id": "6000"}, "invalid input syntax", id="code for an id"),
        pytest.param({"scenario": "Actual"}, "refuses the entry", id="scenario"),
    ],
)
def test_an_entry_that_cannot_be_made_says_why(accounts: dict[str, str], changes: dict[str, Any], message: str) -> None:
    good = {
        "account_id": accounts["Fire Department"],
        "month": date(2026, 1, 1),
        "amount": Decimal(1),
        "scenario": "Budget",
        "who": "ann",
    }
    with pytest.raises(BudgetError, match=message):
        enter(**{**good, **changes})
