"""What two of the organizations hold in securities: instruments, weekly prices, trades, and cash of their portfolios.

Few rows, and each kind that Gold tells apart: purchases with fees, a plan that buys every month, a split, partial
sales, income and a fee in kind, an instrument without a price. Trades are entered in the app, but for those on the
crypto exchange, which come in files. Everything follows from the days since the company's start.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from tieout.generate.columns import MOMENT, choice
from tieout.generate.draws import Draws
from tieout.generate.ids import uuids
from tieout.generate.moments import DAY, in_hours, to_date
from tieout.generate.organizations import Organizations
from tieout.generate.plan import Plan
from tieout.generate.rows import Rows
from tieout.generate.world import CODES, EUR, USD

TRADES, TRANSACTIONS = "wealth/trades", "wealth/transactions"
_QUANTITY = pa.decimal128(28, 10)
_MONEY = pa.decimal128(19, 4)
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class _Instrument:
    """org: position of the organization that holds it. cents: its usual price, None where nobody quotes one."""

    org: int
    portfolio: str
    account: str
    symbol: str
    name: str
    type: str
    isin: str | None
    currency: int
    cents: int | None


_INSTRUMENTS = (
    _Instrument(0, "Reserve", "Custody 01", "ACME", "Acme Industries", "equity", "US0000000013", USD, 24_000),
    _Instrument(0, "Reserve", "Custody 01", "WRLD", "World Equity Fund", "fund", "IE0000000021", USD, 11_500),
    _Instrument(0, "Digital", "Exchange 01", "BTC", "Bitcoin", "crypto", None, USD, 6_000_000),
    _Instrument(1, "Treasury", "Custody 02", "EUGOV", "Euro Government Bonds 2031", "bond", "DE0000000035", EUR, 9_850),
    _Instrument(1, "Treasury", "Custody 02", "SEED", "Seedling Ventures I", "other", None, EUR, None),
)
_ACME, _WRLD, _BTC, _EUGOV, _SEED = range(len(_INSTRUMENTS))
# (position of the organization, portfolio), in the order of their instruments.
PORTFOLIOS = tuple(dict.fromkeys((instrument.org, instrument.portfolio) for instrument in _INSTRUMENTS))
_SPLIT_DAY = 70
_SPLIT = (2, 1)


@dataclass(frozen=True)
class _Trade:
    """day: since the company's start. price: None stands for that day's."""

    number: str
    instrument: int
    day: int
    type: str
    quantity: str | None = None
    price: str | None = None
    fee: str = "0"
    fee_quantity: str = "0"
    by_file: bool = False


_TRADES = (
    _Trade("T-0001", _ACME, 10, "buy", "120", fee="9.95"),
    _Trade("T-0002", _SEED, 12, "buy", "1000", price="25"),
    _Trade("T-0003", _EUGOV, 20, "buy", "750", fee="12.50"),
    _Trade("T-0004", _ACME, 40, "buy", "80", fee="9.95"),
    _Trade("T-0005", _ACME, _SPLIT_DAY, "split"),
    _Trade("T-0006", _ACME, 100, "sell", "150", fee="14.95"),
    _Trade("T-0007", _EUGOV, 130, "sell", "200", fee="7.50"),
    _Trade("T-0008", _WRLD, 140, "sell", "30", fee="4.95"),
    _Trade("X-0001", _BTC, 15, "buy", "1.25", fee="35.00", by_file=True),
    _Trade("X-0002", _BTC, 90, "income", "0.01250731", by_file=True),
    _Trade("X-0003", _BTC, 120, "sell", "0.5", fee_quantity="0.00049", by_file=True),
)
_PLAN_EVERY = 30
_CASH_EVERY = 91


def wealth(plan: Plan, organizations: Organizations, until: int) -> list[Rows]:
    """All rows up to the moment ``until``, parents first."""
    days = (until - 1) // DAY - plan.start
    founded = np.full(len(_INSTRUMENTS), plan.start * DAY + DAY // 8)
    ids = uuids(Draws(plan.seed, np.arange(len(_INSTRUMENTS))), "instrument", founded)
    trades = sorted([*_TRADES, *_monthly(days)], key=lambda trade: trade.number)
    return [
        _instruments(organizations, ids, founded),
        _prices(plan, organizations, ids, days),
        _entered(plan, organizations, ids, [t for t in trades if not t.by_file]),
        _delivered(plan, organizations, [t for t in trades if t.by_file]),
        _cash(plan, organizations, days),
    ]


def _monthly(days: int) -> Iterator[_Trade]:
    """The savings plan: shares of the fund every month."""
    for number, day in enumerate(range(30, days + 1, _PLAN_EVERY), start=1):
        yield _Trade(f"P-{number:04d}", _WRLD, day, "buy", "25", fee="1.50")


def _price(plan: Plan, instrument: int, day: int) -> Decimal:
    """Price of a unit on a day since the start: the usual one, less or more by up to a twelfth, halved by the split."""
    cents = _INSTRUMENTS[instrument].cents
    assert cents is not None, f"{_INSTRUMENTS[instrument].symbol} has no price"
    draws = Draws(plan.seed, np.array([(plan.start + day) * len(_INSTRUMENTS) + instrument]))
    slow = Draws(plan.seed, np.array([(plan.start + day) // 28 * len(_INSTRUMENTS) + instrument]))
    noise = int(draws.between("wealth/price", -80, 80)[0] + slow.between("wealth/season", -750, 750)[0])
    price = Decimal(cents * (10_000 + noise) // 10_000).scaleb(-2)
    if instrument == _ACME and day >= _SPLIT_DAY:
        price = price * _SPLIT[1] / _SPLIT[0]
    return price


def _instruments(organizations: Organizations, ids: pa.StringArray, founded: np.ndarray) -> Rows:
    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        own = [_INSTRUMENTS[position] for position in at]
        return {
            "id": choice(ids, at),
            "org_id": choice(organizations.id, np.array([i.org for i in own], np.int64)),
            "symbol": pa.array([i.symbol for i in own], pa.string()),
            "name": pa.array([i.name for i in own], pa.string()),
            "instrument_type": pa.array([i.type for i in own], pa.string()),
            "isin": pa.array([i.isin for i in own], pa.string()),
            "currency": pa.array([CODES[i.currency] for i in own], pa.string()),
            "is_active": pa.array([True] * len(own), pa.bool_()),
        }

    return Rows("instruments", build, founded)


def _prices(plan: Plan, organizations: Organizations, ids: pa.StringArray, days: int) -> Rows:
    """A price a week of each instrument that has one."""
    quoted = [
        (position, day)
        for day in range(6, days + 1, 7)
        for position, instrument in enumerate(_INSTRUMENTS)
        if instrument.cents is not None
    ]
    instrument = np.array([position for position, _ in quoted], np.int64)
    day = np.array([day for _, day in quoted], np.int64) + plan.start
    draws = Draws(plan.seed, day * len(_INSTRUMENTS) + instrument)
    created = in_hours(day, draws, "instrument_price/created")
    price_ids = uuids(draws, "instrument_price", created)

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        of = [quoted[position] for position in at]
        return {
            "id": choice(price_ids, at),
            "org_id": choice(organizations.id, np.array([_INSTRUMENTS[i].org for i, _ in of], np.int64)),
            "instrument_id": choice(ids, instrument[at]),
            "price_date": pa.array([to_date(plan.start + on) for _, on in of], pa.date32()),
            "price": pa.array([_price(plan, i, on) for i, on in of], _QUANTITY),
        }

    return Rows("instrument_prices", build, created)


def _traded(plan: Plan, trades: Sequence[_Trade]) -> tuple[Draws, np.ndarray]:
    """Draws and moments of trades: serials are their days and numbers, which do not change as more are made."""
    serial = np.array([trade.day * 1_000_000 + _serial(trade) for trade in trades], np.int64)
    draws = Draws(plan.seed, serial)
    return draws, in_hours(np.array([trade.day for trade in trades], np.int64) + plan.start, draws, "trade/created")


def _serial(trade: _Trade) -> int:
    return "TXP".index(trade.number[0]) * 10_000 + int(trade.number[2:])


def _values(plan: Plan, trade: _Trade) -> dict[str, Any]:
    """The trade's own columns; the fees are those of the trade, also where it has none."""
    split = trade.type == "split"
    price = None if split else Decimal(trade.price) if trade.price else _price(plan, trade.instrument, trade.day)
    quantity = None if trade.quantity is None else Decimal(trade.quantity)
    amount = None if quantity is None or price is None else (quantity * price).quantize(_CENT, ROUND_HALF_UP)
    own = _INSTRUMENTS[trade.instrument]
    return {
        "portfolio": own.portfolio,
        "account": own.account,
        "symbol": own.symbol,
        "trade_type": trade.type,
        "currency": CODES[own.currency],
        "quantity": quantity,
        "price": price,
        "amount": amount,
        "fee_amount": Decimal(trade.fee),
        "fee_quantity": Decimal(trade.fee_quantity),
        "split_new": _SPLIT[0] if split else None,
        "split_old": _SPLIT[1] if split else None,
    }


_TYPES = {
    "quantity": _QUANTITY,
    "price": _QUANTITY,
    "amount": _MONEY,
    "fee_amount": _MONEY,
    "fee_quantity": _QUANTITY,
    "split_new": pa.int32(),
    "split_old": pa.int32(),
}


def _trade_columns(plan: Plan, trades: Sequence[_Trade]) -> dict[str, pa.Array]:
    values = [_values(plan, trade) for trade in trades]
    names = values[0] if values else {}
    return {name: pa.array([row[name] for row in values], _TYPES.get(name, pa.string())) for name in names}


def _plain(column: pa.Array) -> pa.Array:
    """Decimals as text for a file: Arrow writes a zero of ten digits as 0E-10, which no reader of CSV should take."""
    if not pa.types.is_decimal(column.type):
        return column
    return pa.array([None if value is None else f"{value:f}" for value in column.to_pylist()], pa.string())


def _orgs(organizations: Organizations, trades: Sequence[_Trade]) -> pa.Array:
    return choice(organizations.id, np.array([_INSTRUMENTS[t.instrument].org for t in trades], np.int64))


def _entered(plan: Plan, organizations: Organizations, ids: pa.StringArray, trades: Sequence[_Trade]) -> Rows:
    draws, created = _traded(plan, trades)
    trade_ids = uuids(draws, "trade", created)

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        own = [trades[position] for position in at]
        columns = _trade_columns(plan, own)
        columns.pop("symbol", None)
        return {
            "id": choice(trade_ids, at),
            "org_id": _orgs(organizations, own),
            "trade_number": pa.array([trade.number for trade in own], pa.string()),
            "instrument_id": choice(ids, np.array([trade.instrument for trade in own], np.int64)),
            "traded_at": pa.array(created[at], MOMENT),
            **columns,
        }

    return Rows("trades", build, created)


def _delivered(plan: Plan, organizations: Organizations, trades: Sequence[_Trade]) -> Rows:
    _, created = _traded(plan, trades)

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        own = [trades[position] for position in at]
        return {
            "org_id": _orgs(organizations, own),
            "trade_number": pa.array([trade.number for trade in own], pa.string()),
            "traded_at": pa.array(created[at], MOMENT),
            **{name: _plain(column) for name, column in _trade_columns(plan, own).items()},
        }

    return Rows(TRADES, build, created, stamped=False)


def _cash(plan: Plan, organizations: Organizations, days: int) -> Rows:
    """A first deposit, then every quarter a dividend of the fund, the tax on it and the custodian's fee."""
    fund = _INSTRUMENTS[_WRLD]
    moved = [(5, "deposit", None, Decimal("250000.00"), "First deposit")]
    for day in range(60, days + 1, _CASH_EVERY):
        draws = Draws(plan.seed, np.array([plan.start + day]))
        dividend = Decimal(int(draws.between("wealth/dividend", 4_000, 9_000)[0])).scaleb(-2)
        moved += [
            (day, "dividend", fund.symbol, dividend, "Dividend"),
            (day, "tax", fund.symbol, -(dividend * 15 / 100).quantize(_CENT, ROUND_HALF_UP), "Tax withheld"),
            (day, "fee", None, Decimal("-45.00"), "Custody fee"),
        ]
    day = np.array([on for on, *_ in moved], np.int64) + plan.start
    created = in_hours(day, Draws(plan.seed, np.arange(len(moved))), "portfolio_transaction/created")

    def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        own = [moved[position] for position in at]
        n = len(own)
        return {
            "org_id": choice(organizations.id, np.full(n, fund.org)),
            "transaction_number": pa.array([f"C-{position + 1:04d}" for position in at], pa.string()),
            "portfolio": pa.array([fund.portfolio] * n, pa.string()),
            "account": pa.array([fund.account] * n, pa.string()),
            "symbol": pa.array([symbol for _, _, symbol, _, _ in own], pa.string()),
            "transaction_type": pa.array([kind for _, kind, _, _, _ in own], pa.string()),
            "booked_on": pa.array([to_date(plan.start + on) for on, *_ in own], pa.date32()),
            "currency": pa.array([CODES[fund.currency]] * n, pa.string()),
            "amount": pa.array([amount for *_, amount, _ in own], _MONEY),
            "description": pa.array([text for *_, text in own], pa.string()),
        }

    return Rows(TRANSACTIONS, build, created, stamped=False)
