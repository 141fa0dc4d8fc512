"""Great Expectations over the batch in Bronze, before anything is built on it.

Every table's suite is derived from config/sources: the key is there and unique, columns that may not be null are not,
currencies are known, and the row count is what extraction says it wrote. A table without rows on either side is passed
over. Trino does the counting: the expectations of a table share one pass over its batch.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from tieout import connections
from tieout.batch import Batch
from tieout.bronze.schema import NAMESPACE
from tieout.bronze.writer import DELETE, UPSERT
from tieout.controls import ops
from tieout.controls.layers import extracted, recorded_outcomes, repair_times
from tieout.controls.literals import identifier, literal
from tieout.errors import ExtractionError, ValidationError
from tieout.extract.currencies import read_currencies
from tieout.settings import get_settings
from tieout.sources import TableSpec, load_sources

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.core.batch import Batch as GxBatch
    from great_expectations.expectations.expectation import Expectation

log = logging.getLogger(__name__)

# Trino answers several small queries at once; more threads than this only make them wait for each other.
_THREADS = 3
_SAMPLES = 5


@dataclass(frozen=True)
class _Finding:
    """What became of one expectation. found: what there is instead; unexpected: rows that break it."""

    table: TableSpec
    expectation: str
    column: str | None
    success: bool
    unexpected: int = 0
    found: str = ""


@dataclass(frozen=True)
class _Load:
    """One table's batch: the rows that extraction recorded, how many of them mark a deletion, and what is there."""

    table: TableSpec
    recorded: int
    deleted: int
    there: int


def validate_bronze(batch: Batch) -> list[ops.Validation]:
    """Validate every table's rows of the batch; the results are recorded in lake.ops.validations.

    Raises ValidationError when an expectation fails: table, column, expectation, how many rows, and keys of some.
    """
    loads = [load for load in _loads(batch) if load.recorded or load.there]
    currencies = sorted(read_currencies())
    # Before the import, which tells of every function that it keeps out of its documentation.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    repaired = repair_times(batch)
    # A data source each: what Great Expectations keeps of a batch in a data source is not made for threads.
    assets = [
        _query(context, table, extracted(batch, repaired[table.source, table.name]))
        for table in (load.table for load in loads)
    ]
    with ThreadPoolExecutor(_THREADS) as pool:
        suites = [suite_of(load.table, currencies, load.recorded, load.deleted) for load in loads]
        results = list(pool.map(_validate, assets, suites))
    findings = [
        _finding(load.table, asset, result)
        for load, asset, of_table in zip(loads, assets, results, strict=True)
        for result in of_table
    ]
    rows = [_row(batch, finding) for finding in findings]
    ops.record_validations(rows)
    if failures := [_message(batch, finding) for finding in findings if not finding.success]:
        raise ValidationError("\n".join(failures))
    log.info("%d expectations on %d tables of batch %s hold", len(rows), len(loads), batch)
    return rows


def suite_of(table: TableSpec, currencies: Sequence[str], row_count: int, deleted: int) -> list[Expectation]:
    """The expectations that follow from a table's description.

    row_count: rows that extraction says it wrote; deleted: how many of them mark a deletion.
    """
    from great_expectations import expectations as gxe
    from great_expectations.expectations.row_conditions import Column

    # Marks of deletion hold the key alone. Without any, one pass over the batch does for all expectations.
    upserts = {"row_condition": Column("_op") == UPSERT} if deleted else {}
    suite: list[Expectation] = [
        gxe.ExpectTableRowCountToEqual(value=row_count),
        gxe.ExpectColumnValuesToBeInSet(column="_op", value_set=[UPSERT, DELETE]),
        *(gxe.ExpectColumnValuesToNotBeNull(column=name) for name in table.key),
        *(
            gxe.ExpectColumnValuesToNotBeNull(column=column.name, **upserts)
            for column in table.columns
            if not column.nullable and column.name not in table.key
        ),
    ]
    # One snapshot cannot hold a key twice; deliveries can, and Silver takes the last. Of no rows, as when the batch has
    # nothing but what a repair brought, no share is unique.
    if table.kind == "postgres" and row_count:
        suite.append(_unique(table))
    if table.currency:
        codes = [*currencies, *(code.lower() for code in currencies)]
        suite.append(gxe.ExpectColumnValuesToBeInSet(column=table.currency, value_set=codes))
    return suite


def _unique(table: TableSpec) -> Expectation:
    from great_expectations import expectations as gxe

    if len(table.key) > 1:
        return gxe.ExpectCompoundColumnsToBeUnique(column_list=list(table.key))
    # Counting distinct keys shares the pass of the other expectations; looking for the repeated ones would not.
    return gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(column=table.key[0], min_value=1, max_value=1)


def _loads(batch: Batch) -> list[_Load]:
    tables = [table for source in load_sources().values() for table in source.tables]
    kept: dict[tuple[str, str], int] = defaultdict(int)
    deleted: dict[tuple[str, str], int] = defaultdict(int)
    for (source, entity, _), outcome in recorded_outcomes(batch).items():
        kept[source, entity] += outcome.kept
        deleted[source, entity] += outcome.deleted
    there = dict(
        connections.query(
            " union all ".join(
                f"select {literal(table.identifier)}, coalesce(sum(record_count), 0) "
                f"from lake.{NAMESPACE}.{identifier(table.identifier + '$partitions')} "
                f"where partition._batch = {literal(batch.day)}"
                for table in tables
            )
        )
    )
    return [
        _Load(table, kept[name] + deleted[name], deleted[name], there[table.identifier])
        for table in tables
        for name in [(table.source, table.name)]
    ]


def _query(context: object, table: TableSpec, condition: str) -> GxBatch:
    s = get_settings()
    # Great Expectations finds the columns of a query by its last "from" and the schema of the address.
    address = f"trino://{quote(s.trino_user)}@{s.trino_host}:{s.trino_port}/{connections.CATALOG}/{NAMESPACE}"
    source = context.data_sources.add_sql(table.identifier, connection_string=address)
    query = f"select * from {table.identifier} where {condition}"
    asset = source.add_query_asset(table.identifier, query=query)
    return asset.add_batch_definition_whole_table("batch").get_batch()


def _validate(batch: GxBatch, suite: list[Expectation]) -> list[ExpectationValidationResult]:
    import great_expectations as gx

    # Whether each holds, and no more: the counts of all share one query.
    return batch.validate(gx.ExpectationSuite("bronze", expectations=suite), result_format="BOOLEAN_ONLY").results


def _finding(table: TableSpec, batch: GxBatch, result: ExpectationValidationResult) -> _Finding:
    """The result; of an expectation that failed also how many rows break it, and which, found by looking again."""
    config = result.expectation_config
    column = config.kwargs.get("column") or ", ".join(config.kwargs.get("column_list", [])) or None
    if result.success:
        return _Finding(table, config.type, column, success=True)
    _check_judged(table, column, result)
    expectation = config.to_domain_obj()
    if config.type == "expect_column_proportion_of_unique_values_to_be_between":
        from great_expectations import expectations as gxe

        expectation = gxe.ExpectColumnValuesToBeUnique(column=column)
    detail = {
        "result_format": "SUMMARY",
        "partial_unexpected_count": _SAMPLES,
        "unexpected_index_column_names": list(table.key),
    }
    looked = batch.validate(expectation, result_format=detail)
    _check_judged(table, column, looked)
    again = looked.result
    if "unexpected_count" not in again:
        expected, observed = config.kwargs["value"], again["observed_value"]
        return _Finding(
            table,
            config.type,
            column,
            False,
            abs(expected - observed),
            f"{observed} rows, and {expected} were recorded",
        )
    rows = again.get("partial_unexpected_index_list") or again.get("partial_unexpected_list") or []
    count = again["unexpected_count"]
    samples = ", ".join(_shown(table, row) for row in rows[:_SAMPLES])
    found = f"{count} {'row' if count == 1 else 'rows'}, among them {samples}"
    return _Finding(table, config.type, column, False, count, found)


def _check_judged(table: TableSpec, column: str | None, result: ExpectationValidationResult) -> None:
    """Raises ExtractionError where Great Expectations could not look at the rows, as when Trino went away."""
    # What a metric raised stands under the metric's name, and nothing is said beside it.
    if result.exception_info.get("raised_exception", True):
        kind = result.expectation_config.type
        raise ExtractionError(f"{table.bronze}: {kind} on {column} could not be judged: {result.exception_info}")


def _shown(table: TableSpec, row: object) -> str:
    """One row's key, then the value in question."""
    if not isinstance(row, dict):
        return str(row)
    names = [*table.key, *(name for name in row if name not in table.key)]
    return "(" + ", ".join(f"{name} {row[name]}" for name in names) + ")"


def _row(batch: Batch, finding: _Finding) -> ops.Validation:
    return ops.Validation(
        run_id=batch.run_id,
        batch=batch.day,
        source=finding.table.source,
        entity=finding.table.name,
        expectation=finding.expectation,
        column_name=finding.column,
        success=finding.success,
        unexpected_count=finding.unexpected,
    )


def _message(batch: Batch, finding: _Finding) -> str:
    column = f", column {finding.column}" if finding.column else ""
    return (
        f"{finding.table.bronze}, batch {batch}{column}: {finding.expectation} does not hold: {finding.found}. Nothing "
        f"was built on it; put the source right, or config/sources/{finding.table.source}.yml, and run the day again"
    )
