"""The legal entities, their accounts in the bank and in the ledger."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tieout.generate.columns import choice, days, flags, money
from tieout.generate.draws import Draws
from tieout.generate.ids import uuids
from tieout.generate.moments import DAY, HOUR
from tieout.generate.names import names
from tieout.generate.plan import Plan
from tieout.generate.rows import Rows
from tieout.generate.world import ACCOUNT, CHART, CHART_BY_ORGANIZATION, CODES, CURRENCIES, DIGITS, ORGANIZATIONS

OPERATING, RESERVE = "Operating", "Reserve"
# Where anomalies are put in, one organization's minimum of cash is so many times what it would be: see anomalies.py.
LOW_CASH_ORG, _LOW_CASH_TIMES = 5, 100


@dataclass(frozen=True)
class Organizations:
    """Ids by position. account[org, position in CHART] and bank[org, currency] are positions in their id columns;
    bank is -1 where an organization has no account in a currency, reserve[org] is its second one in its own."""

    id: pa.StringArray
    account_id: pa.StringArray
    account: np.ndarray
    bank_id: pa.StringArray
    bank: np.ndarray
    reserve: np.ndarray
    tables: tuple[Rows, ...]

    def accounts(self, org: np.ndarray, code: str) -> np.ndarray:
        """Positions in account_id of the account ``code`` of each organization."""
        return self.account[org, ACCOUNT[code]]


def organizations(plan: Plan) -> Organizations:
    count = len(ORGANIZATIONS)
    draws = Draws(plan.seed, np.arange(count, dtype=np.int64))
    opened = np.full(count, plan.start * DAY + HOUR)
    ids = uuids(draws, "organization", opened)
    company = names(plan.seed).company
    base = np.array([o.base for o in ORGANIZATIONS], np.int64)
    # One to three million dollars' worth, in whole thousands.
    least = in_currency(draws.between("organization/minimum", 1_000, 3_000) * 100_000, base)
    if plan.anomalies:
        least[LOW_CASH_ORG] *= _LOW_CASH_TIMES

    def organization_rows(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        return {
            "id": choice(ids, at),
            "name": choice([f"{company} {o.suffix}" for o in ORGANIZATIONS], at),
            "country": choice([o.country for o in ORGANIZATIONS], at),
            "base_currency": choice([CODES[o.base] for o in ORGANIZATIONS], at),
            "netsuite_subsidiary_id": pa.array(at + 1, pa.int64()),
            "minimum_cash_balance": money(least[at], DIGITS[base[at]]),
        }

    account_org = np.repeat(np.arange(count), len(CHART))
    account_position = np.tile(np.arange(len(CHART)), count)
    account_created = np.full(len(account_org), plan.start * DAY + HOUR)
    account_serial = np.where(
        account_position < CHART_BY_ORGANIZATION,
        account_org * CHART_BY_ORGANIZATION + account_position,
        account_position * count + account_org,
    )
    account_ids = uuids(Draws(plan.seed, account_serial), "gl_account", account_created)

    def account_rows(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        position = account_position[at]
        return {
            "id": choice(account_ids, at),
            "org_id": choice(ids, account_org[at]),
            "account_code": choice([a.code for a in CHART], position),
            "name": choice([a.name for a in CHART], position),
            "account_type": choice([a.type for a in CHART], position),
            "normal_side": choice([a.normal_side for a in CHART], position),
            "is_active": flags(np.ones(len(at), bool)),
        }

    banks = [
        (org, currency, OPERATING)
        for org, organization in enumerate(ORGANIZATIONS)
        for currency in (organization.base, *organization.foreign)
    ] + [(org, organization.base, RESERVE) for org, organization in enumerate(ORGANIZATIONS)]
    bank_org = np.array([org for org, _, _ in banks], np.int64)
    bank_currency = np.array([currency for _, currency, _ in banks], np.int64)
    bank_draws = Draws(plan.seed, np.arange(len(banks), dtype=np.int64))
    bank_created = np.full(len(banks), plan.start * DAY + HOUR)
    bank_ids = uuids(bank_draws, "bank_account", bank_created)
    # Two to nine million dollars' worth, in whole thousands.
    worth = bank_draws.between("bank/opening", 2_000, 9_000) * 100_000
    opening = in_currency(worth, bank_currency)
    digits = DIGITS[bank_currency]
    last_four = bank_draws.below("bank/number", 10_000)
    bank_names = [f"{kind} {CODES[currency]}" for _, currency, kind in banks]
    masked = [f"****{number:04d}" for number in last_four]

    def bank_rows(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        return {
            "id": choice(bank_ids, at),
            "org_id": choice(ids, bank_org[at]),
            "name": choice(bank_names, at),
            "account_number": choice(masked, at),
            "currency": choice(CODES, bank_currency[at]),
            "opening_balance": money(opening[at], digits[at]),
            "minimum_balance": money(opening[at] // 10, digits[at]),
            "opened_on": days(np.full(len(at), plan.start)),
            "is_active": flags(np.ones(len(at), bool)),
        }

    bank = np.full((count, len(CURRENCIES)), -1, np.int64)
    reserve = np.full(count, -1, np.int64)
    for position, (org, currency, kind) in enumerate(banks):
        if kind == OPERATING:
            bank[org, currency] = position
        else:
            reserve[org] = position
    return Organizations(
        id=ids,
        account_id=account_ids,
        account=np.arange(count * len(CHART)).reshape(count, len(CHART)),
        bank_id=bank_ids,
        bank=bank,
        reserve=reserve,
        tables=(
            Rows("organizations", organization_rows, opened),
            Rows("gl_accounts", account_rows, account_created),
            Rows("bank_accounts", bank_rows, bank_created),
        ),
    )


def in_currency(cents: np.ndarray, currency: np.ndarray) -> np.ndarray:
    """US cents as minor units of each row's currency."""
    fraction = np.array([c.minor_per_cent for c in CURRENCIES], np.int64)[currency]
    return cents * fraction[:, 0] // fraction[:, 1]
