"""The identities between Silver and Gold that config/controls.yml declares, measured in few Trino queries.

An identity names what must be equal on two sides: expressions (a count, a sum) per currency. Sides that read the same
rows are measured in one scan of them, whatever identities they belong to; what sets them apart is then said in their
expressions. Scans of many go into one statement, because on small tables a query's own cost is most of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

import yaml

from tieout.controls.literals import literal
from tieout.controls.totals import NO_CURRENCY, NULL_CURRENCY, united
from tieout.errors import ConfigError
from tieout.sources import PROJECT_ROOT

CONTROLS_FILE = PROJECT_ROOT / "config" / "controls.yml"
_VALUE = "decimal(38,4)"
# Scans asked for in one query. One takes two to six of the 150 stages that Trino allows.
_SCANS_AT_ONCE = 25


@dataclass(frozen=True)
class Side:
    """relation: a table; expressions: an aggregate per measure; currency: an expression, or None for no currency."""

    layer: str
    relation: str
    where: str
    currency: str | None
    expressions: tuple[str, ...]


@dataclass(frozen=True)
class Identity:
    """entity: the table of the right side that the identity proves."""

    name: str
    entity: str
    description: str
    measures: tuple[str, ...]
    left: Side
    right: Side


@cache
def load_identities(file: Path = CONTROLS_FILE) -> tuple[Identity, ...]:
    """Every declared identity. Raises ConfigError when one is not whole."""
    return tuple(_read(file.name, name, body) for name, body in yaml.safe_load(file.read_text())["identities"].items())


def identity_totals(identities: Sequence[Identity]) -> dict[Identity, tuple[dict[str, Decimal], dict[str, Decimal]]]:
    """{identity: (measures of the left side, measures of the right side)}; a measure is <name>:<currency>."""
    totals: dict[Identity, tuple[dict[str, Decimal], dict[str, Decimal]]] = {i: ({}, {}) for i in identities}
    scans: dict[tuple[str, str, str | None], list[tuple[Identity, int]]] = defaultdict(list)
    for identity in identities:
        for number, side in enumerate((identity.left, identity.right)):
            scans[side.relation, side.where, side.currency].append((identity, number))
    if not scans:
        return totals
    selects = [
        f"select {number} as number, t.* from ({_select([(i.left, i.right)[side] for i, side in sides])}) t"
        for number, sides in enumerate(scans.values())
    ]
    found = list(scans.values())
    for number, currency, values in united(selects, _SCANS_AT_ONCE):
        measured = [(totals[i][side], f"{measure}:{currency}") for i, side in found[number] for measure in i.measures]
        for (of_side, measure), value in zip(measured, values, strict=True):
            of_side[measure] = value
    return totals


def _select(sides: Sequence[Side]) -> str:
    """One scan of the rows that all these sides read: their expressions, one side's after the other's."""
    side = sides[0]
    currency = literal(NO_CURRENCY)
    if side.currency:
        currency = f"coalesce(cast({side.currency} as varchar), {literal(NULL_CURRENCY)})"
    expressions = [expression for each in sides for expression in each.expressions]
    values = ", ".join(f"coalesce(cast({expression} as {_VALUE}), 0)" for expression in expressions)
    grouping = "1" if side.currency else "()"
    return f"select {currency} as currency, array[{values}] from {side.relation} where {side.where} group by {grouping}"


def _read(file: str, name: str, body: dict) -> Identity:
    where = f"{file}: identity {name}"
    unknown = set(body) - {"entity", "description", "left", "right"}
    missing = {"entity", "description", "left", "right"} - set(body)
    if unknown or missing:
        raise ConfigError(f"{where}: unknown entries {sorted(unknown)}, missing entries {sorted(missing)}")
    left, right = (_read_side(f"{where}: {side}", body[side]) for side in ("left", "right"))
    measures = tuple(body["left"]["measures"])
    if measures != tuple(body["right"]["measures"]):
        raise ConfigError(f"{where}: both sides must name the same measures, in the same order")
    return Identity(name, body["entity"], body["description"], measures, left, right)


def _read_side(where: str, body: dict) -> Side:
    unknown = set(body) - {"layer", "from", "where", "currency", "measures"}
    missing = {"layer", "from", "measures"} - set(body)
    if unknown or missing:
        raise ConfigError(f"{where}: unknown entries {sorted(unknown)}, missing entries {sorted(missing)}")
    return Side(
        layer=body["layer"],
        relation=body["from"],
        where=body.get("where", "true"),
        currency=body.get("currency"),
        expressions=tuple(body["measures"].values()),
    )
