"""Names from Faker. Faker takes tens of microseconds a name, so pools are filled once and drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tieout.generate.world import ORGANIZATIONS

_POOL = 400


@dataclass(frozen=True)
class Names:
    """company: the family name of the organizations. parties[i]: company names for organization i."""

    company: str
    parties: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=4)
def names(seed: int) -> Names:
    from faker import Faker

    company = Faker("en_US", use_weighting=False)
    company.seed_instance(seed)
    pools = []
    for position, organization in enumerate(ORGANIZATIONS):
        faker = Faker(organization.locale, use_weighting=False)
        faker.seed_instance(seed * 1000 + position)
        pools.append(tuple(faker.company() for _ in range(_POOL)))
    return Names(company.last_name(), tuple(pools))
