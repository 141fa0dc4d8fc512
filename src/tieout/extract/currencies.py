"""The currencies that the app database knows: the one list against which every delivery is read and checked."""

from __future__ import annotations

from collections.abc import Mapping

from tieout import connections

# ISO 4217 code in upper case → digits of its minor unit.
Currencies = Mapping[str, int]


def read_currencies() -> Currencies:
    """Every currency of app_db.currencies, as it is now."""
    with connections.app_db() as connection:
        rows = connection.execute("select code, minor_unit from currencies").fetchall()
    return {code.strip().upper(): digits for code, digits in rows}
