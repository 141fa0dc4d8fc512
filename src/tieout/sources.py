"""The reader of config/sources: the one description of every source table.

Extraction, the Bronze schema, validation, dbt's sources and the control totals are all derived from what this module
returns. A description that is wrong stops here, with the file and the column, before anything is read or written.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import yaml

from tieout.errors import ConfigError
from tieout.settings import PROJECT_ROOT

SOURCES_FOLDER = PROJECT_ROOT / "config" / "sources"

# libyaml's parser, where PyYAML was built with it, reads ten times faster; every task starts with this.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

KINDS = ("postgres", "landing")
DAILY, RARELY = "daily", "rarely"
MODES = ("full", "incremental")
# How much of a table each run's tie-out compares.
TIE_OUT_FULL, CHANGED_MONTHS = "full", "changed_months"
# Silver's name of the mark of deletion.
DELETED = "is_deleted"
SIMPLE_TYPES = frozenset(
    ("uuid", "text", "json", "boolean", "integer", "bigint", "date", "timestamptz", "timestamp", "unix_time")
)
_OF_SOURCE = ("source", "kind", "schema", "arrives", "description", "common_columns", "tables")
_OF_TABLE = ("description", "mode", "key", "cursor", "currency", "tie_out", "columns", "first_batch")
_OF_COLUMN = ("type", "silver", "description", "nullable", "optional", "money", "aliases")
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
_DIGITS = 38  # what a decimal of the lake holds at most
_CHAR = re.compile(r"char\((\d+)\)")


def is_exact_decimal(type_: str) -> bool:
    """Whether it is a numeric(p,s) that the lake has a decimal for: 38 digits at most, the decimals among them."""
    found = _NUMERIC.fullmatch(type_)
    return bool(found) and int(found[2]) <= int(found[1]) <= _DIGITS


@dataclass(frozen=True)
class ColumnSpec:
    """One column of a source table.

    type: uuid, text, char(n), json, boolean, integer, bigint, date, timestamptz, timestamp (no zone),
    unix_time (epoch seconds, or a timestamp's text) or numeric(p,s).
    silver: its name in Silver. optional: a delivery may leave the column out. money: it is summed per currency.
    aliases: other names under which files deliver it.
    """

    name: str
    type: str
    silver: str
    description: str
    nullable: bool = False
    optional: bool = False
    money: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def marks_deletion(self) -> bool:
        """Whether a delivered row says with it that the source has deleted the row; empty is no."""
        return self.silver == DELETED

    @property
    def numeric(self) -> tuple[int, int] | None:
        """(precision, scale) of an exact decimal, None for any other type."""
        found = _NUMERIC.fullmatch(self.type)
        return (int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True)
class TableSpec:
    """One source table.

    currency: the column that says which currency its money columns are in. month: the column whose months a run's
    tie-out compares only where the batch touched them; None compares the whole table each run. first_batch: whether
    Silver keeps the batch that brought a row first, beside that of its newest version.
    """

    source: str
    kind: str
    schema: str
    name: str
    description: str
    mode: str
    key: tuple[str, ...]
    cursor: str | None
    currency: str | None
    columns: tuple[ColumnSpec, ...]
    first_batch: bool = False
    month: str | None = None

    @property
    def identifier(self) -> str:
        return f"{self.source}__{self.name}"

    @property
    def bronze(self) -> str:
        return f"lake.bronze.{self.identifier}"

    @property
    def silver(self) -> str:
        return f"lake.silver.stg_{self.identifier}"

    @property
    def money(self) -> tuple[ColumnSpec, ...]:
        return tuple(column for column in self.columns if column.money)

    @cached_property
    def delivered(self) -> dict[str, ColumnSpec]:
        """{name: column} of every name under which a file may deliver a column."""
        return {name: column for column in self.columns for name in (column.name, *column.aliases)}

    def missing(self, names: Collection[str]) -> list[str]:
        """The required columns that a file with these names does not deliver under any name of theirs."""
        found = {self.delivered[name].name for name in names if name in self.delivered}
        return [column.name for column in self.columns if not column.optional and column.name not in found]

    def column(self, name: str) -> ColumnSpec:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.identifier} has no column {name}")


@dataclass(frozen=True)
class Source:
    """A source and its tables. arrives: daily, or rarely where a day without a delivery is normal."""

    name: str
    kind: str
    schema: str
    description: str
    tables: tuple[TableSpec, ...]
    arrives: str = DAILY


@cache
def load_sources(folder: Path = SOURCES_FOLDER) -> dict[str, Source]:
    """Every source by name, in the order of their file names. Raises ConfigError for a description that is wrong."""
    files = sorted(folder.glob("*.yml"))
    if not files:
        raise ConfigError(f"no source is described in {folder}: add <source>.yml, see docs/sources.md")
    sources = [_read_source(file) for file in files]
    return {source.name: source for source in sources}


def load_table(source: str, name: str) -> TableSpec:
    """The description of one table. Raises ConfigError when it is not described."""
    tables = {table.name: table for table in load_source(source).tables}
    if name not in tables:
        raise ConfigError(f"config/sources/{source}.yml has no table {name}: it has {', '.join(tables)}")
    return tables[name]


def load_source(name: str) -> Source:
    """The description of one source. Raises ConfigError when it is not described."""
    sources = load_sources()
    if name not in sources:
        raise ConfigError(f"there is no config/sources/{name}.yml: the sources are {', '.join(sources)}")
    return sources[name]


def _check_entries(where: str, body: object, required: Collection[str], known: Collection[str]) -> None:
    """Raises ConfigError for what holds no entries, lacks one that is required, or has one that is not known."""
    if not isinstance(body, dict):
        raise ConfigError(f"{where}: expected entries such as {', '.join(required)}: see docs/sources.md")
    if missing := [name for name in required if body.get(name) is None]:
        raise ConfigError(f"{where}: no {', '.join(missing)}: see docs/sources.md")
    if unknown := sorted(map(str, set(body) - set(known))):
        raise ConfigError(f"{where}: unknown entries {', '.join(unknown)}")


def _read_source(file: Path) -> Source:
    try:
        document = yaml.load(file.read_text(), Loader=LOADER)
    except yaml.YAMLError as error:
        raise ConfigError(f"{file.name}: it is no YAML: {' '.join(str(error).split())}") from error
    _check_entries(file.name, document, ("source", "kind", "description", "tables"), _OF_SOURCE)
    name, kind = document["source"], document["kind"]
    if name != file.stem:
        raise ConfigError(f"{file.name}: source is {name!r}, expected {file.stem!r}: a file is named by its source")
    if kind not in KINDS:
        raise ConfigError(f"{file.name}: kind is {kind!r}, expected one of {', '.join(KINDS)}")
    arrives = document.get("arrives", DAILY)
    if arrives not in (DAILY, RARELY):
        raise ConfigError(f"{file.name}: arrives is {arrives!r}, expected {DAILY} or {RARELY}")
    schema = document.get("schema", "")
    common = document.get("common_columns", {})
    tables = tuple(
        _read_table(file.name, name, kind, schema, table, body, common) for table, body in document["tables"].items()
    )
    return Source(name, kind, schema, document["description"], tables, arrives)


def _read_table(file: str, source: str, kind: str, schema: str, name: str, body: dict, common: dict) -> TableSpec:
    where = f"{file}: table {name}"
    _check_entries(where, body, ("description", "columns"), _OF_TABLE)
    columns = tuple(_read_column(where, column, spec) for column, spec in {**body["columns"], **common}.items())
    names = [column.name for column in columns]
    for role in ("key", "cursor", "currency"):
        for column in [body[role]] if isinstance(body.get(role), str) else body.get(role, []):
            if column not in names:
                raise ConfigError(f"{where}: {role} names {column}, which is not one of its columns")
    if not body.get("key"):
        raise ConfigError(f"{where}: no key: name the columns that identify a row")
    mode = body.get("mode", "full")
    if mode not in MODES:
        raise ConfigError(f"{where}: mode is {mode!r}, expected one of {', '.join(MODES)}")
    if mode == "incremental" and not body.get("cursor"):
        raise ConfigError(f"{where}: mode incremental needs a cursor: name the column that says what changed")
    others = [alias for column in columns for alias in column.aliases]
    if others and kind != "landing":
        raise ConfigError(f"{where}: aliases ({', '.join(others)}) are for sources of kind landing only")
    if taken := sorted({name for name in others if (names + others).count(name) > 1}):
        raise ConfigError(f"{where}: alias {', '.join(taken)} names two columns: give each column names of its own")
    for column in columns:
        if column.marks_deletion and (kind != "landing" or column.type != "boolean"):
            raise ConfigError(
                f"{where}: column {column.name}: {DELETED} in Silver is a boolean with which a delivered row says that "
                "it was deleted, for sources of kind landing only: give the column another name in Silver"
            )
    if len({column.silver for column in columns}) != len(columns):
        raise ConfigError(f"{where}: two columns have the same name in Silver")
    if body.get("first_batch") and kind != "landing":
        raise ConfigError(f"{where}: first_batch is kept of delivered files only: leave it out")
    return TableSpec(
        source=source,
        kind=kind,
        schema=schema,
        name=name,
        description=body["description"],
        mode=mode,
        key=(body["key"],) if isinstance(body["key"], str) else tuple(body["key"]),
        cursor=body.get("cursor"),
        currency=body.get("currency"),
        columns=columns,
        first_batch=body.get("first_batch", False),
        month=_read_month(where, kind, body.get("tie_out", TIE_OUT_FULL), columns),
    )


def _read_month(where: str, kind: str, tie_out: str | dict, columns: tuple[ColumnSpec, ...]) -> str | None:
    """The column by whose months the table is tied out; None for the whole table."""
    if tie_out in (TIE_OUT_FULL, {"mode": TIE_OUT_FULL}):
        return None
    if not isinstance(tie_out, dict) or set(tie_out) != {"mode", "month"} or tie_out["mode"] != CHANGED_MONTHS:
        raise ConfigError(
            f"{where}: tie_out is {tie_out!r}, expected {TIE_OUT_FULL} or "
            f"{{mode: {CHANGED_MONTHS}, month: <a date that never changes>}}"
        )
    if kind != "postgres":
        raise ConfigError(f"{where}: tie_out {CHANGED_MONTHS} is for database tables; leave it out for delivered files")
    column = next((column for column in columns if column.name == tie_out["month"]), None)
    if column is None or column.nullable or column.type not in ("date", "timestamp", "timestamptz"):
        raise ConfigError(
            f"{where}: tie_out names month {tie_out['month']}, expected a column of type date, timestamp or "
            "timestamptz that is never NULL"
        )
    return column.name


def _read_column(where: str, name: str, spec: dict) -> ColumnSpec:
    _check_entries(f"{where}: column {name}", spec, ("type", "description"), _OF_COLUMN)
    type_ = spec["type"]
    if type_ == "numeric":
        raise ConfigError(f"{where}: column {name}: numeric needs precision and scale, as in numeric(19,4)")
    if _NUMERIC.fullmatch(type_) and not is_exact_decimal(type_):
        raise ConfigError(
            f"{where}: column {name}: {type_} has no exact type in the lake: write one of at most {_DIGITS} digits, "
            "the decimals among them"
        )
    if not (type_ in SIMPLE_TYPES or _NUMERIC.fullmatch(type_) or _CHAR.fullmatch(type_)):
        raise ConfigError(f"{where}: column {name}: unknown type {type_!r}: see docs/sources.md")
    return ColumnSpec(
        name=name,
        type=type_,
        silver=spec.get("silver", name),
        description=spec["description"],
        nullable=spec.get("nullable", False),
        optional=spec.get("optional", False),
        money=spec.get("money", False),
        aliases=tuple(spec.get("aliases", ())),
    )
