"""What every generated company shares: currencies, organizations, and the standard chart of accounts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Currency:
    """A currency the company trades in.

    minor_per_cent: its minor units for one US cent, as a fraction. usd: value of one unit in dollars, in 1e-10.
    card_fee: Stripe's fee as (per 10,000 of the amount, fixed minor units). netsuite_id: its id there.
    """

    code: str
    name: str
    minor_unit: int
    minor_per_cent: tuple[int, int]
    usd: int
    card_fee: tuple[int, int]
    netsuite_id: int


CURRENCIES = (
    Currency("USD", "US Dollar", 2, (1, 1), 10_000_000_000, (290, 30), 1),
    Currency("EUR", "Euro", 2, (92, 100), 10_870_000_000, (250, 25), 2),
    Currency("GBP", "British Pound", 2, (79, 100), 12_660_000_000, (250, 20), 3),
    Currency("JPY", "Japanese Yen", 0, (150, 100), 66_700_000, (360, 0), 4),
    Currency("KWD", "Kuwaiti Dinar", 3, (307, 100), 32_570_000_000, (275, 100), 5),
    Currency("CHF", "Swiss Franc", 2, (88, 100), 11_360_000_000, (290, 30), 6),
)
CODES = [currency.code for currency in CURRENCIES]
DIGITS = np.array([currency.minor_unit for currency in CURRENCIES], np.int64)
USD, EUR, GBP, JPY, KWD, CHF = range(6)


@dataclass(frozen=True)
class Organization:
    """A legal entity. share: of the company's trade, in per cent. tax: of its sales and purchases, per 10,000.

    foreign: other currencies it trades in. locale: Faker's, for the names of its customers and suppliers.
    """

    suffix: str
    country: str
    base: int
    foreign: tuple[int, ...]
    share: int
    tax: int
    locale: str


ORGANIZATIONS = (
    Organization("Inc.", "US", USD, (EUR, GBP), 38, 0, "en_US"),
    Organization("Europe B.V.", "NL", EUR, (USD, GBP), 22, 2100, "nl_NL"),
    Organization("UK Ltd", "GB", GBP, (EUR, USD), 14, 2000, "en_GB"),
    Organization("Japan K.K.", "JP", JPY, (USD,), 12, 1000, "ja_JP"),
    Organization("Gulf W.L.L.", "KW", KWD, (USD,), 8, 0, "en_US"),
    Organization("Suisse SA", "CH", CHF, (EUR,), 6, 810, "fr_CH"),
)


@dataclass(frozen=True)
class Account:
    """An account of the standard chart. netsuite_type: NetSuite's accttype."""

    code: str
    name: str
    type: str
    normal_side: str
    netsuite_type: str


CHART = (
    Account("1000", "Operating cash", "asset", "debit", "Bank"),
    Account("1010", "Reserve cash", "asset", "debit", "Bank"),
    Account("1050", "Stripe clearing", "asset", "debit", "OthCurrAsset"),
    Account("1200", "Accounts receivable", "asset", "debit", "AcctRec"),
    Account("1300", "Input tax recoverable", "asset", "debit", "OthCurrAsset"),
    Account("2000", "Accounts payable", "liability", "credit", "AcctPay"),
    Account("2200", "Sales tax payable", "liability", "credit", "OthCurrLiab"),
    Account("2300", "Customer deposits", "liability", "credit", "OthCurrLiab"),
    Account("3000", "Retained earnings", "equity", "credit", "Equity"),
    Account("4000", "Product revenue", "revenue", "credit", "Income"),
    Account("4010", "Service revenue", "revenue", "credit", "Income"),
    Account("4100", "Returns and allowances", "revenue", "debit", "Income"),
    Account("5000", "Cost of goods sold", "expense", "debit", "COGS"),
    Account("6000", "Rent and utilities", "expense", "debit", "Expense"),
    Account("6100", "Processing fees", "expense", "debit", "Expense"),
    Account("6200", "Travel", "expense", "debit", "Expense"),
    Account("6300", "Software and hosting", "expense", "debit", "Expense"),
    Account("6400", "Professional fees", "expense", "debit", "Expense"),
    Account("1060", "Currency exchange", "asset", "debit", "OthCurrAsset"),
)
# The ids of accounts before this position are drawn by organization, of those from it on by account: one that is added
# at the end leaves the others' ids as they are.
CHART_BY_ORGANIZATION = 18
ACCOUNT = {account.code: position for position, account in enumerate(CHART)}
REVENUE = ("4000", "4010")
SPENDING = ("5000", "6000", "6200", "6300", "6400")

# Amounts of documents in US cents: from, below, weight.
AMOUNTS = (
    (2_000, 10_000, 20),
    (10_000, 50_000, 30),
    (50_000, 250_000, 28),
    (250_000, 1_000_000, 15),
    (1_000_000, 5_000_000, 6),
    (5_000_000, 25_000_000, 1),
)
