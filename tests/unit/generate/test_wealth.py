"""The demo company's portfolios have what Gold tells apart, and their past does not change as they live on."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from tieout.generate.moments import day_number, end_of
from tieout.generate.organizations import organizations
from tieout.generate.plan import Plan
from tieout.generate.wealth import TRADES, TRANSACTIONS, wealth

START, END = date(2025, 6, 12), date(2026, 3, 31)
PLAN = Plan.of(20_000, 7, START, END)


def tables(until: date) -> dict[str, pa.Table]:
    moment = end_of(day_number(until))
    made = wealth(PLAN, organizations(PLAN), moment)
    return {rows.table: rows.as_of(rows.present(moment), moment) for rows in made}


@pytest.mark.parametrize("earlier", [date(2025, 6, 12), date(2025, 7, 1), date(2025, 12, 24), date(2026, 3, 30)])
def test_living_on_only_adds(earlier: date) -> None:
    now = tables(END)
    for name, then in tables(earlier).items():
        rows = Counter(map(str, now[name].to_pylist()))
        assert not Counter(map(str, then.to_pylist())) - rows, name


def test_every_kind_is_there_in_few_rows() -> None:
    found = tables(END)
    types = Counter(found["trades"]["trade_type"].to_pylist()) + Counter(found[TRADES]["trade_type"].to_pylist())
    assert {"buy", "sell", "split", "income"} == set(types)
    assert any(Decimal(fee) for fee in found[TRADES]["fee_quantity"].to_pylist())
    assert {"deposit", "dividend", "tax", "fee"} == set(found[TRANSACTIONS]["transaction_type"].to_pylist())
    priced = set(found["instrument_prices"]["instrument_id"].to_pylist())
    assert len(set(found["instruments"]["id"].to_pylist()) - priced) == 1
    assert sum(table.num_rows for table in found.values()) < 250


def test_nothing_is_sold_that_is_not_held() -> None:
    found = tables(END)
    held: dict[tuple, Decimal] = defaultdict(Decimal)
    ids = dict(zip(*(found["instruments"][name].to_pylist() for name in ("id", "symbol")), strict=True))
    trades = [{**row, "symbol": ids[row["instrument_id"]]} for row in found["trades"].to_pylist()]
    for row in sorted([*trades, *found[TRADES].to_pylist()], key=lambda row: row["traded_at"]):
        position = row["portfolio"], row["symbol"]
        if row["trade_type"] == "split":
            held[position] *= row["split_new"]
        elif row["trade_type"] == "sell":
            held[position] -= Decimal(row["quantity"]) + Decimal(row["fee_quantity"])
        else:
            held[position] += Decimal(row["quantity"])
        assert held[position] >= 0
    assert len(held) == 5 and all(held.values())


def test_quantities_in_files_are_plain_numbers() -> None:
    for name in ("quantity", "price", "amount", "fee_amount", "fee_quantity"):
        assert not any("E" in value for value in tables(END)[TRADES][name].to_pylist())
