"""Lots, gains and holdings of a real tax engine's test cases, from delivered trades to Gold, against its own results.

The cases are rp2's: purchases, income in kind, sales, gifts, donations and transfers with fees in kind. They become
trades.csv files here, one a case, and go the way that every delivery goes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.dbt import PROJECT, build
from tests.lake import fresh_app_database, fresh_lake

from tieout import connections
from tieout.batch import Batch
from tieout.controls.identities import identity_totals, load_identities
from tieout.extract.landing import extract_landing
from tieout.extract.postgres import extract_app_db
from tieout.settings import PROJECT_ROOT

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("delivered")]

DATA = PROJECT_ROOT.parent / "shared" / "data" / "fifo_rp2"
DAY, SILENT_DAY, LAST_DAY = "2021-12-31", "2022-01-01", "2022-01-02"
PORTFOLIO = "Taxed"
TYPES = {"buy": "buy", "interest": "income", "sell": "sell", "gift": "gift", "donate": "donation"}
GOLDEN_TYPES = {"SELL": "sell", "GIFT": "gift", "DONATE": "donation", "MOVE": "fee", "INTEREST": "income"}
MODELS = ["+dim_organization", "+dim_instrument", "+fact_holdings", "+fact_lots", "+fact_portfolio_transactions"]
CENT = Decimal("0.01")


@dataclass
class Golden:
    """A Tax sheet: (year, type) → (quantity, proceeds, cost, gain), the parts in order, what is held, average price."""

    summary: dict[tuple[int, str], tuple[Decimal, ...]] = field(default_factory=dict)
    parts: list[tuple[Decimal, Decimal]] = field(default_factory=list)
    held: Decimal = Decimal(0)
    average: Decimal = Decimal(0)


def sheets() -> list[tuple[str, str]]:
    """(case, asset) of every input sheet."""
    return sorted((file.parent.name, file.stem) for file in (DATA / "input").glob("*/*.csv"))


def read_golden(case: str, asset: str) -> Golden:
    golden, section = Golden(), ""
    file = DATA / "golden" / f"{case}_generic_fifo_rp2_full_report" / f"{asset} Tax.csv"
    with file.open(newline="") as stream:
        for row in csv.reader(stream):
            if len(row) == 1 and not row[0][:1].isdigit():
                section = row[0]
            elif section.startswith("Gain / Loss Summary") and row and row[0].isdigit():
                gain, quantity, proceeds, cost = (Decimal(row[at]) for at in (2, 5, 6, 7))
                golden.summary[int(row[0]), GOLDEN_TYPES[row[4]]] = (quantity, proceeds, cost, gain)
            elif section == "Account Balances" and row[:1] == ["Total"]:
                golden.held += Decimal(row[6])
            elif section.startswith("Paid Per") and len(row) == 1:
                golden.average = Decimal(row[0])
            elif section == "Gain / Loss Detail" and row[1:2] == [asset]:
                golden.parts.append((Decimal(row[0]), Decimal(row[3])))
    return golden


def read_trades(case: str, asset: str) -> Iterator[dict[str, Any]]:
    """The rows of an input sheet as rows of trades.csv, in its order."""
    table = ""
    with (DATA / "input" / case / f"{asset}.csv").open(newline="") as stream:
        for line, row in enumerate(csv.reader(stream)):
            if len(row) == 1:
                table = row[0]
            elif row and row[0][:1].isdigit():
                trade = _of_table(table, row)
                if trade is not None:
                    number = f"{asset}-{line:03d}"
                    at = datetime.fromisoformat(row[0]).isoformat()
                    yield {"trade_number": number, "symbol": asset, "traded_at": at, **trade}


def _of_table(table: str, row: list[str]) -> dict[str, Any] | None:
    if table == "INTRA":  # a move between own accounts: only its fee leaves the portfolio
        fee = Decimal(row[7]) - Decimal(row[10])
        return {"trade_type": "fee", "quantity": fee, "amount": fee * Decimal(row[8])} if fee else None
    quantity, spot = Decimal(row[7]), Decimal(row[8])
    trade = {"trade_type": TYPES[row[5].lower()], "quantity": quantity, "price": spot, "account": row[1]}
    if table == "OUT":
        return {**trade, "amount": quantity * spot, "fee_quantity": Decimal(row[9])}
    return {**trade, "amount": Decimal(row[9]) if row[9] else quantity * spot, "fee_amount": Decimal(row[11])}


def deliver(table: str, day: str, name: str, rows: list[dict[str, Any]]) -> None:
    """Put a CSV with the columns of the template under landing/wealth/."""
    header = (PROJECT_ROOT / "docs" / "templates" / f"{table}.csv").read_text().splitlines()[0].split(",")
    text = io.StringIO()
    writer = csv.DictWriter(text, header)
    writer.writeheader()
    writer.writerows(rows)
    connections.s3_client().put_object(
        Bucket=connections.LANDING_BUCKET, Key=f"wealth/{table}/{day}/{name}.csv", Body=text.getvalue().encode()
    )


def load(day: str) -> list[Any]:
    batch = Batch.of(day, f"run {day}")
    extract_app_db(batch)
    return extract_landing("wealth", batch)


@pytest.fixture(scope="module")
def delivered(stack: None) -> None:
    """An organization a case, its instruments in the app and its trades in a file; Gold as of DAY."""
    fresh_app_database()
    fresh_lake()
    organizations: dict[str, Any] = {}
    with connections.app_db() as app:
        for case, asset in sheets():
            if case not in organizations:
                organizations[case] = app.execute(
                    "insert into organizations (name, country, base_currency) values (%s, 'US', 'USD') returning id",
                    (case,),
                ).fetchone()[0]
            instrument = app.execute(
                "insert into instruments (org_id, symbol, name, instrument_type, currency) "
                "values (%s, %s, %s, 'crypto', 'USD') returning id",
                (organizations[case], asset, asset),
            ).fetchone()[0]
            if asset == "ETH":
                app.execute(
                    "insert into instrument_prices (org_id, instrument_id, price_date, price) "
                    "values (%s, %s, '2021-12-24', 300.5)",
                    (organizations[case], instrument),
                )
    for case, org in organizations.items():
        common = {"org_id": org, "portfolio": PORTFOLIO, "currency": "USD"}
        rows = [{**common, **row} for of, asset in sheets() if of == case for row in read_trades(case, asset)]
        deliver("trades", DAY, case, rows)
    rows = [
        {
            "org_id": org,
            "transaction_number": "T-1",
            "portfolio": PORTFOLIO,
            "transaction_type": "deposit",
            "booked_on": DAY,
            "currency": "usd",
            "amount": "1000.01",
        }
        for org in organizations.values()
    ]
    deliver("transactions", DAY, "cash", rows)
    outcomes = load(DAY)
    assert {(outcome.status, outcome.rows_quarantined) for outcome in outcomes} == {("loaded", 0)}
    build(PROJECT, DAY, "--select", *MODELS, "--exclude-resource-type", "unit_test")


def of_sheet(case: str, asset: str, rows: list[tuple]) -> list[tuple]:
    """Rows that begin with organization and symbol, without these two."""
    return [row[2:] for row in rows if row[:2] == (case, asset)]


def gold(table: str, columns: str, where: str = "true", order: str = "1, 2") -> list[tuple]:
    return connections.query(
        f"select organization_name, symbol, {columns} from lake.gold_candidate.{table} as fact "
        "join lake.gold_candidate.dim_organization as organizations on organizations.org_id = fact.org_id "
        f"where {where} order by {order}"
    )


def assert_near(found: tuple[Decimal, ...], expected: tuple[Decimal, ...]) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert isinstance(ours, Decimal)
        assert abs(ours - theirs) <= CENT, f"{found} is not {expected}"


each_sheet = pytest.mark.parametrize(("case", "asset"), sheets(), ids=lambda name: name)


def test_every_sheet_has_its_golden_results() -> None:
    golden = {read_golden(*sheet).held for sheet in sheets()}
    assert len(sheets()) == 9 and 0 not in golden
    assert sum(len(read_golden(*sheet).summary) for sheet in sheets()) == 35
    assert sum(len(read_golden(*sheet).parts) for sheet in sheets()) == 74


@each_sheet
def test_gains_of_each_year_and_kind_are_the_golden_ones(case: str, asset: str) -> None:
    disposals = gold(
        "fact_realized_pnl",
        "year(disposed_on), trade_type, sum(quantity), sum(proceeds_amount), sum(cost_amount), sum(realized_amount)",
        "status = 'matched' group by organization_name, symbol, year(disposed_on), trade_type",
    )
    # Income in kind is no disposal: its golden gain is what the lot was worth.
    income = gold(
        "fact_lots",
        "year(acquired_on), trade_type, sum(quantity), sum(cost_amount), cast(0 as decimal(38, 4)), sum(cost_amount)",
        "trade_type = 'income' group by organization_name, symbol, year(acquired_on), trade_type",
    )
    found = {row[:2]: row[2:] for row in of_sheet(case, asset, disposals + income)}
    expected = read_golden(case, asset).summary
    assert found.keys() == expected.keys()
    for of, values in expected.items():
        assert_near(found[of], values)


@each_sheet
def test_every_part_is_the_golden_one(case: str, asset: str) -> None:
    parts = gold(
        "fact_realized_pnl", "disposed_at, 2, trade_number, part, quantity, realized_amount", order="disposed_at, part"
    )
    income = gold(
        "fact_lots", "acquired_at, 1, trade_number, 1, quantity, cost_amount", "trade_type = 'income'", "acquired_at"
    )
    found = [row[4:] for row in sorted(of_sheet(case, asset, parts + income))]
    expected = read_golden(case, asset).parts
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert_near(ours, theirs)


@each_sheet
def test_what_is_held_and_its_average_price_are_the_golden_ones(case: str, asset: str) -> None:
    golden = read_golden(case, asset)
    holdings = gold("fact_holdings", "quantity, cost_amount", f"as_of_date = date '{DAY}'")
    ((quantity, cost),) = of_sheet(case, asset, holdings)
    assert quantity == golden.held
    lots = gold("fact_lots", "sum(quantity), sum(cost_amount), sum(open_cost_amount)", "true group by 1, 2")
    ((bought, paid, left),) = of_sheet(case, asset, lots)
    assert_near((paid / bought, cost), (golden.average, left))


def test_nothing_was_sold_that_was_not_held_and_every_trade_counts() -> None:
    assert connections.query("select distinct status from lake.gold_candidate.fact_realized_pnl") == [("matched",)]
    trades = sum(1 for sheet in sheets() for _ in read_trades(*sheet))
    assert connections.query("select status, count(*) from lake.gold_candidate.fact_trades group by 1") == [
        ("counted", trades)
    ]


def test_a_price_makes_a_value_and_none_makes_none() -> None:
    found = gold("fact_holdings", "price, market_value_amount, unrealized_amount, is_price_missing")
    # 60 × 300.5 = 18030; cost 2465 + 4990 + 6870 = 14325
    assert of_sheet("crypto_example", "ETH", found) == [(Decimal("300.5"), Decimal("18030"), Decimal("3705"), False)]
    others = [row[2:] for row in found if row[1] != "ETH"]
    assert others == [(None, None, None, True)] * 8


def test_what_silver_holds_is_in_gold() -> None:
    wanted = {"instruments", "entered_trades", "delivered_trades", "portfolio_transactions"}
    identities = [identity for identity in load_identities() if identity.name in wanted]
    assert {identity.name for identity in identities} == wanted
    for identity, (silver, found) in identity_totals(identities).items():
        assert found == silver, identity.name
    totals = identity_totals([identity for identity in identities if identity.name == "portfolio_transactions"])
    ((_, cash),) = totals.values()
    assert cash == {"rows:USD": 3, "amount:USD": Decimal("3000.03")}


def test_a_day_without_files_is_a_day_like_any_other() -> None:
    assert [(outcome.entity, outcome.status, outcome.reason) for outcome in load(SILENT_DAY)] == [
        ("trades", "skipped", "no delivery"),
        ("transactions", "skipped", "no delivery"),
    ]


def test_what_cannot_count_is_named_and_nothing_is_lost() -> None:
    with connections.app_db() as app:
        org, instrument = app.execute(
            "select org_id, instruments.id from instruments join organizations on organizations.id = org_id "
            "where organizations.name = 'crypto_example' and symbol = 'ETH'"
        ).fetchone()
        # the first purchase of the file, with another amount
        app.execute(
            "insert into trades (org_id, trade_number, portfolio, instrument_id, trade_type, traded_at, currency, "
            "quantity, amount, fee_amount) values (%s, 'ETH-002', %s, %s, 'buy', '2020-06-03 11:23+00', 'USD', "
            "10, 2540, 25)",
            (org, PORTFOLIO, instrument),
        )
    common = {"org_id": org, "portfolio": PORTFOLIO, "currency": "USD", "traded_at": f"{LAST_DAY}T12:00Z"}
    sale = {
        **common,
        "trade_number": "ETH-900",
        "symbol": "ETH",
        "trade_type": "sell",
        "quantity": 100,
        "amount": 40000,
    }
    deliver("trades", LAST_DAY, "late", [sale, {**sale, "trade_number": "XYZ-1", "symbol": "XYZ"}])
    load(LAST_DAY)
    before = gold("fact_holdings", "portfolio, quantity, cost_amount", "symbol <> 'ETH'")
    build(PROJECT, LAST_DAY, "--select", *MODELS, "--exclude-resource-type", "unit_test")

    uncounted = "select source, trade_number, status from lake.gold_candidate.fact_trades where status <> 'counted'"
    assert sorted(connections.query(uncounted)) == [
        ("wealth", "ETH-002", "conflict"),
        ("wealth", "XYZ-1", "unknown_instrument"),
    ]
    # 60 of the 100 were held: 40,000 × 60 / 100; 2,565 + 4,990 + 6,870
    parts = gold(
        "fact_realized_pnl",
        "status, sum(quantity), sum(proceeds_amount), sum(cost_amount)",
        "trade_number = 'ETH-900' group by organization_name, symbol, status",
        "status",
    )
    assert [row[2:] for row in parts] == [
        ("matched", Decimal(60), Decimal(24000), Decimal(14425)),
        ("oversold", Decimal(40), Decimal(16000), None),
    ]
    held = "select count(*) from lake.gold_candidate.fact_holdings where symbol = 'ETH' and as_of_date = date '{}'"
    assert [connections.query(held.format(day))[0][0] for day in (DAY, LAST_DAY)] == [1, 0]
    after = gold("fact_holdings", "portfolio, quantity, cost_amount", f"as_of_date = date '{LAST_DAY}'")
    assert after == before
