"""Customers and suppliers: who they are, how they pay, and their rows."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tieout.generate.columns import choice, flags
from tieout.generate.draws import Draws
from tieout.generate.ids import numbered, uuids
from tieout.generate.moments import DAY, HOUR, NEVER, first_day, in_hours, month_of
from tieout.generate.names import names
from tieout.generate.organizations import Organizations
from tieout.generate.plan import Plan
from tieout.generate.rows import Rows
from tieout.generate.world import CODES, ORGANIZATIONS

PROMPT, LATE, BAD = range(3)


@dataclass(frozen=True)
class Parties:
    """All customers or suppliers up to some month, one row each; positions never change as more join.

    org, currency: positions in ORGANIZATIONS and CURRENCIES. terms: days. habit: PROMPT, LATE or BAD payer.
    by_card: pays through Stripe. created, renamed: moments.
    """

    side: str
    id: pa.StringArray
    number: pa.StringArray
    name: pa.Array
    renamed_name: pa.Array
    email: pa.Array
    renamed_email: pa.Array
    org: np.ndarray
    currency: np.ndarray
    terms: np.ndarray
    habit: np.ndarray
    by_card: np.ndarray
    created: np.ndarray
    renamed: np.ndarray

    @property
    def table(self) -> str:
        return "customers" if self.side == "ar" else "suppliers"

    def rows(self, organizations: Organizations) -> Rows:
        def build(at: np.ndarray, until: int) -> dict[str, pa.Array]:
            now = self.renamed[at] < until
            kind = self.table[:-1]
            return {
                "id": choice(self.id, at),
                "org_id": choice(organizations.id, self.org[at]),
                f"{kind}_number": choice(self.number, at),
                "name": pa.compute.if_else(flags(now), choice(self.renamed_name, at), choice(self.name, at)),
                "email": pa.compute.if_else(flags(now), choice(self.renamed_email, at), choice(self.email, at)),
                "country": choice([o.country for o in ORGANIZATIONS], self.org[at]),
                "currency": choice(CODES, self.currency[at]),
                "payment_terms_days": pa.array(self.terms[at].astype(np.int32)),
                "is_active": flags(np.ones(len(at), bool)),
            }

        return Rows(self.table, build, self.created, changes=(self.renamed,))


def parties(plan: Plan, side: str, until: int) -> Parties:
    """Everyone who has joined, or will have, by the end of the month that holds the moment before ``until``."""
    last_month = month_of((until - 1) // DAY)
    count = plan.parties(side, last_month + 1)
    index = np.arange(count, dtype=np.int64)
    draws = Draws(plan.seed, index + (0 if side == "ar" else 1 << 40))

    org = draws.pick("party/org", [o.share for o in ORGANIZATIONS])
    currency = np.array([o.base for o in ORGANIZATIONS], np.int64)[org]
    for position, organization in enumerate(ORGANIZATIONS):
        abroad = (org == position) & draws.chance("party/abroad", 2000)
        which = draws.below("party/foreign", len(organization.foreign))
        currency = np.where(abroad, np.array(organization.foreign, np.int64)[which], currency)
    terms = np.array([0, 14, 30, 45, 60], np.int64)[draws.pick("party/terms", [5, 15, 50, 15, 15])]

    # The first ones are there from the start, before the first document; the others join during some month.
    day = np.full(count, plan.start)
    created = plan.start * DAY + 2 * HOUR + draws.below("party/created", 3 * HOUR)
    joined = plan.parties(side, month_of(plan.start))
    for month in range(month_of(plan.start), last_month + 1):
        then = plan.parties(side, month + 1)
        new = slice(joined, then)
        days = first_day(month + 1) - first_day(month)
        day[new] = np.maximum(first_day(month) + draws.at(index[new]).below("party/day", days), plan.start)
        joined = then
    later = index >= plan.parties(side, month_of(plan.start))
    created = np.where(later, in_hours(day, draws, "party/joined"), created)
    renames = draws.chance("party/renames", 3000)
    renamed_on = day + draws.between("party/renamed_after", 20, 900)
    renamed = np.where(renames, in_hours(renamed_on, draws, "party/renamed"), NEVER)

    pool = names(plan.seed).parties
    size = len(pool[0])
    position = org * size + draws.below("party/name", size)
    flat = [name for group in pool for name in group]
    mail = [_address(name, at) for at, name in enumerate(flat)]
    has_mail = ~draws.chance("party/no_email", 500)
    return Parties(
        side=side,
        id=uuids(draws, "party", created),
        number=numbered("C" if side == "ar" else "S", (index + 1, 7)),
        name=choice(flat, position),
        renamed_name=choice([f"{name} Group" for name in flat], position),
        email=choice([f"ap@{m}" if side == "ar" else f"billing@{m}" for m in mail], position, has_mail),
        renamed_email=choice([f"finance@{m}" for m in mail], position),
        org=org,
        currency=currency,
        terms=terms,
        habit=draws.pick("party/habit", [60, 30, 10]),
        by_card=draws.chance("party/by_card", 6000) & (side == "ar"),
        created=created,
        renamed=renamed,
    )


def _address(name: str, position: int) -> str:
    words = re.findall(r"[a-z]+", name.lower()) or ["company"]
    return f"{'-'.join(words[:2])}-{position}.example"
