"""Sources whose files Tieout can fetch itself, from an API, where a key is set."""

from __future__ import annotations

from tieout.batch import Batch
from tieout.controls.ops import TableOutcome
from tieout.errors import ConfigError
from tieout.extract import stripe_api
from tieout.extract.landing import extract_landing

APIS = {stripe_api.SOURCE: stripe_api}


def pull_and_extract(source: str, batch: Batch) -> list[TableOutcome]:
    """Fetch what the source's API has for the batch, if it has one that is configured; then read what was delivered."""
    if source in APIS and APIS[source].is_configured():
        APIS[source].pull(batch)
    return extract_landing(source, batch)


def pull(source: str, day: str) -> list[stripe_api.Pulled]:
    """Fetch one source's day; what landed, by table. Raises ConfigError for a source without an API."""
    if source not in APIS:
        raise ConfigError(
            f"{source} has no API to pull: only {', '.join(APIS)} has; deliver files, see docs/landing.md"
        )
    return APIS[source].pull(Batch.of(day, "cli"))
