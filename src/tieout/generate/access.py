"""Who signs in: administrators of the bank, people of each organization, and owners of single portfolios.

Few rows at any scale. Each organization has a controller, a treasurer and an accountant; the accountant joins later
and leaves again, so that there are memberships that have ended.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from tieout.generate.columns import choice, flags, moments
from tieout.generate.draws import Draws
from tieout.generate.ids import uuids
from tieout.generate.moments import DAY, HOUR, NEVER, in_hours
from tieout.generate.names import names
from tieout.generate.organizations import Organizations
from tieout.generate.plan import Plan
from tieout.generate.rows import Rows
from tieout.generate.wealth import PORTFOLIOS
from tieout.generate.world import ORGANIZATIONS

_CONTROLLER, _TREASURER, _ACCOUNTANT, _OWNER, _ADMINISTRATOR = range(5)
_STAFF = (_CONTROLLER, _TREASURER, _ACCOUNTANT)
_ADMINISTRATORS = 2
_JOINS, _LEAVES = 30, 180


@dataclass(frozen=True)
class Person:
    """org: position in ORGANIZATIONS, None for the bank's own. portfolio: of an owner."""

    job: int
    org: int | None
    name: str
    email: str
    portfolio: str | None = None


@lru_cache(maxsize=4)
def people(seed: int) -> tuple[Person, ...]:
    """Everyone who ever signs in, always in the same order."""
    from faker import Faker

    house = _plain(names(seed).company)
    jobs: list[tuple[int, int | None, str | None]] = [(_ADMINISTRATOR, None, None)] * _ADMINISTRATORS
    jobs += [(job, org, None) for org in range(len(ORGANIZATIONS)) for job in _STAFF]
    jobs += [(_OWNER, org, portfolio) for org, portfolio in PORTFOLIOS]
    found = []
    for number, (job, org, portfolio) in enumerate(jobs):
        # The bank's own are of the first organization's country.
        own = ORGANIZATIONS[org or 0]
        faker = Faker(own.locale, use_weighting=False)
        faker.seed_instance(f"{seed}/person/{number}")
        # The number keeps two of one name apart.
        user = f"{_plain(faker.user_name())}{number}"
        domain = f"{house}.example" if org is None else f"{own.country.lower()}.{house}.example"
        found.append(Person(job, org, faker.name(), f"{user}@{domain}", portfolio))
    return tuple(found)


def controller(seed: int, org: int) -> str:
    """The address of the one who asks for an organization's budgets."""
    return _address(seed, org, _CONTROLLER)


def treasurer(seed: int, org: int) -> str:
    """The address of the one who reviews what is asked for."""
    return _address(seed, org, _TREASURER)


def access_rows(plan: Plan, organizations: Organizations) -> list[Rows]:
    """Users and their memberships."""
    who = people(plan.seed)
    count = len(who)
    draws = Draws(plan.seed, np.arange(count, dtype=np.int64))
    passing = np.array([person.job == _ACCOUNTANT for person in who])
    joined = in_hours(plan.start + draws.between("access/joined", _JOINS, _JOINS + 60), draws, "access/joined_at")
    created = np.where(passing, joined, plan.start * DAY + HOUR)
    left = in_hours(plan.start + draws.between("access/left", _LEAVES, _LEAVES + 60), draws, "access/left_at")
    ended = np.where(passing, left, NEVER)
    ids = uuids(draws, "access/user", created)

    def users(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        return {
            "id": choice(ids, at),
            "email": choice([person.email for person in who], at),
            "name": choice([person.name for person in who], at),
            "is_active": flags(ended[at] >= until),
            "created_at": moments(created[at]),
        }

    # Everyone's own, and the first organization's treasurer looks after the second one's books too.
    twice = next(at for at, person in enumerate(who) if person.job == _TREASURER)
    user = np.array([*range(count), twice], np.int64)
    org = np.array([-1 if person.org is None else person.org for person in who] + [1], np.int64)
    role = [_role(who[at].job) for at in user.tolist()]
    portfolio = [who[at].portfolio for at in user.tolist()]
    granted = created[user] + HOUR // 2
    grants = uuids(Draws(plan.seed, np.arange(len(user), dtype=np.int64)), "access/membership", granted)
    administrator = next(person.email for person in who if person.job == _ADMINISTRATOR)

    def memberships(at: np.ndarray, until: int) -> dict[str, pa.Array]:
        over = ended[user[at]] < until
        return {
            "id": choice(grants, at),
            "user_id": choice(ids, user[at]),
            "role": choice(role, at),
            "org_id": choice(organizations.id, org[at], org[at] >= 0),
            "portfolio": choice(portfolio, at),
            "granted_by": choice([administrator], np.zeros(len(at), np.int64)),
            "granted_at": moments(granted[at]),
            "ended_at": pa.compute.if_else(
                flags(over), moments(np.where(over, ended[user[at]], 0)), pa.scalar(None, pa.timestamp("us", tz="UTC"))
            ),
        }

    return [
        Rows("access.users", users, created, changes=(ended,), stamped=False),
        Rows("access.memberships", memberships, granted, changes=(ended[user],), stamped=False),
    ]


def _address(seed: int, org: int, job: int) -> str:
    return next(person.email for person in people(seed) if person.org == org and person.job == job)


def _role(job: int) -> str:
    return {_ADMINISTRATOR: "bank_administrator", _OWNER: "individual"}.get(job, "corporate")


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
