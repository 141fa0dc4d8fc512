"""The tables that forecast and anomalies write, described once, and the one way to write a day of them.

Each is partitioned by run_date and append-only over days: what was forecast on a day can be read for ever. A rerun of
a day replaces that day's rows in one commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.catalog import Catalog
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table

NAMESPACE = "gold_candidate"


@dataclass(frozen=True)
class Column:
    """type: string, date, int, long, boolean, double (scores only), or decimal(p,s) for money."""

    name: str
    type: str
    doc: str
    required: bool = False


@dataclass(frozen=True)
class MlTable:
    name: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def identifier(self) -> str:
        return f"{NAMESPACE}.{self.name}"


LEVELS = (80, 95)
_RUN_DATE = Column("run_date", "date", "The batch day that the rows were made on, and their partition.", True)


def _bounds(measure: str, what: str, type_: str) -> tuple[Column, ...]:
    return tuple(
        Column(f"{measure}_{side}_{level}", type_, f"{side.title()} end of the {level} % interval of {what}.")
        for level in LEVELS
        for side in ("lower", "upper")
    )


FORECAST = MlTable(
    "fact_cashflow_forecast",
    "Cash expected in and out per organization, currency and day, 90 days ahead, as forecast on each run date.",
    ("run_date", "org_id", "currency", "forecast_date"),
    (
        _RUN_DATE,
        Column("org_id", "string", "Organization.", True),
        Column("currency", "string", "ISO 4217 currency of every amount of the row.", True),
        Column("forecast_date", "date", "The day forecast; the run date itself where status is failed.", True),
        Column("horizon_days", "int", "Days from the run date to the forecast date, 1 to 90; 0 where failed.", True),
        Column("status", "string", "forecast, or failed: then the amounts are NULL and reason says why.", True),
        Column("inflow_amount", "decimal(19,4)", "Expected cash in, without internal transfers; never negative."),
        Column("outflow_amount", "decimal(19,4)", "Expected cash out, without internal transfers; never negative."),
        Column("net_amount", "decimal(19,4)", "inflow_amount less outflow_amount."),
        Column("closing_balance", "decimal(38,4)", "Bank balance at the run date plus net_amount up to this day."),
        *_bounds("inflow", "inflow_amount", "decimal(19,4)"),
        *_bounds("outflow", "outflow_amount", "decimal(19,4)"),
        *_bounds("net", "net_amount", "decimal(19,4)"),
        *_bounds("closing_balance", "closing_balance", "decimal(38,4)"),
        Column("inflow_model", "string", "Model that forecast the inflow."),
        Column("outflow_model", "string", "Model that forecast the outflow."),
        Column("history_days", "int", "Days of history that the models saw."),
        Column("reason", "string", "Why these models were taken, or why there is no forecast.", True),
        Column("model_version", "string", "Version of Tieout's forecasting code.", True),
    ),
)

ACCURACY = MlTable(
    "fact_forecast_accuracy",
    "How well each candidate model would have forecast each series' own past, by rolling-origin backtest.",
    ("run_date", "org_id", "currency", "flow", "model"),
    (
        _RUN_DATE,
        Column("org_id", "string", "Organization.", True),
        Column("currency", "string", "ISO 4217 currency of the series.", True),
        Column("flow", "string", "inflow or outflow.", True),
        Column("model", "string", "Candidate model.", True),
        Column("is_chosen", "boolean", "Whether the run's forecast comes from this model.", True),
        Column("status", "string", "scored, or failed: then the scores are NULL and reason says why.", True),
        Column("origins", "int", "Cut-off days from which the model forecast; it saw only what lay before each.", True),
        Column("horizon_days", "int", "Days forecast from each origin.", True),
        Column("first_origin", "date", "Last day that the model saw at the earliest origin."),
        Column("last_origin", "date", "Last day that the model saw at the latest origin."),
        Column(
            "wape_path",
            "double",
            "Mean absolute error of the running total over the horizon, over the horizon's mean total; the models are "
            "chosen by it. NULL where no cash moved.",
        ),
        Column(
            "wape_daily",
            "double",
            "Sum of absolute daily errors over sum of actuals; NULL where no cash moved.",
        ),
        Column("wape_weekly", "double", "The same of seven-day totals."),
        Column("mase", "double", "Mean absolute daily error over that of last week's same day in the training part."),
        Column(
            "coverage_80",
            "double",
            "Share of days within the 80 % interval made from the other origins' errors; NULL below two origins.",
        ),
        Column("coverage_95", "double", "The same of the 95 % interval."),
        Column("reason", "string", "Why the model was chosen, not chosen, or could not be scored.", True),
        Column("model_version", "string", "Version of Tieout's forecasting code.", True),
    ),
)

# Days ahead that are scored together as they come: a week, a month, and the rest.
BUCKETS = ((1, 7), (8, 30), (31, 60), (61, 90))

LIVE_ACCURACY = MlTable(
    "fact_forecast_live_accuracy",
    "How far off past forecasts were, once their days had come: one row per run date, series, flow and days ahead.",
    ("run_date", "org_id", "currency", "flow", "first_day_ahead"),
    (
        Column("run_date", "date", "The day that the forecast was made on; the rows' partition.", True),
        Column("org_id", "string", "Organization.", True),
        Column("currency", "string", "ISO 4217 currency of every amount of the row.", True),
        Column("flow", "string", "inflow, outflow or net.", True),
        Column("first_day_ahead", "int", "Fewest days ahead that the row is about: 1, 8, 31 or 61.", True),
        Column("last_day_ahead", "int", "Most days ahead: 7, 30, 60 or 90.", True),
        Column("model", "string", "Model that made the forecast; NULL for the net of two."),
        Column("days", "int", "Days among them that have come.", True),
        Column("last_day_scored", "date", "The last of these days.", True),
        Column("forecast_amount", "decimal(38,4)", "What was forecast for these days.", True),
        Column("actual_amount", "decimal(38,4)", "What was booked on them, without internal transfers.", True),
        Column("absolute_error", "decimal(38,4)", "Sum of the days' absolute differences of both.", True),
        Column("wape", "double", "absolute_error over the sum of absolute daily actuals; NULL where no cash moved."),
        Column(
            "mase",
            "double",
            "Mean absolute daily error over that of last week's same day in the history before the run date.",
        ),
        Column("coverage_80", "double", "Share of the days whose actual lay within the 80 % interval.", True),
        Column("coverage_95", "double", "The same of the 95 % interval.", True),
    ),
)

ALERTS = MlTable(
    "ml_anomaly_alerts",
    "What looks wrong as of each run date: one row per alert and run date; an alert keeps its id from run to run.",
    ("run_date", "alert_id"),
    (
        _RUN_DATE,
        Column("alert_id", "string", "Hash of kind and subject: the same thing has the same id in every run.", True),
        Column("org_id", "string", "Organization.", True),
        Column(
            "kind",
            "string",
            "What is wrong: duplicate_payment, duplicate_bill, over_allocation, new_counterparty, below_limit_cluster, "
            "round_amount_cluster, outside_period, benford_deviation, unusual_payment, unusual_bill, "
            "unusual_bank_transaction, unusual_day or unusual_kpi; or due: overdue_receivable or low_balance.",
            True,
        ),
        Column("severity", "string", "high, medium or low.", True),
        Column("status", "string", "new or acknowledged, as decided before the run; what is dismissed is not raised."),
        Column(
            "subject_type",
            "string",
            "What the alert is about: payment, ar_invoice, ap_bill, bank_transaction, journal, gl_account, cash_day, "
            "document_day, kpi_day, customer or organization.",
            True,
        ),
        Column("subject_id", "string", "Key of the subject; the first payment's where it is several.", True),
        Column("occurred_on", "date", "Day of the subject's document; the first day expected below the minimum.", True),
        Column("amount", "decimal(19,4)", "Amount at stake, in currency.", True),
        Column("currency", "string", "ISO 4217 currency of the amount.", True),
        Column("score", "double", "How sure the detector is, 0 to 1; 1 where a rule leaves no doubt.", True),
        Column("reason", "string", "What is wrong, for a person to read.", True),
        Column("evidence", "string", "JSON of the values that the reason rests on; decimals are strings.", True),
        Column("model", "string", "Detector: rule, or the model's name.", True),
        Column("model_version", "string", "Version of the detector.", True),
    ),
)

ML_TABLES = (FORECAST, ACCURACY, LIVE_ACCURACY, ALERTS)


def ensure_ml_tables(catalog: Catalog | None = None, tables: Sequence[MlTable] | None = None) -> None:
    """Create what is missing, each with an empty first snapshot, so that there is something to publish on any day.

    tables: those that the caller writes; two tasks that run side by side must not both create one. All unless given.

    A table of an earlier version of Tieout gains the columns that it lacks, NULL on the days it has, and every
    description as it reads here; no column is dropped.
    """
    catalog = catalog or _catalog()
    for table in ML_TABLES if tables is None else tables:
        if catalog.table_exists(table.identifier):
            _bring_up_to_date(catalog.load_table(table.identifier), table)
        else:
            _create(catalog, table)


def _bring_up_to_date(held: Table, table: MlTable) -> None:
    """One commit, or none where nothing differs."""
    docs = {field.name: field.doc for field in held.schema().fields}
    missing = [column for column in table.columns if column.name not in docs]
    reworded = [column for column in table.columns if docs.get(column.name, column.doc) != column.doc]
    with held.transaction() as transaction:
        if held.properties.get("comment") != table.description:
            transaction.set_properties(comment=table.description)
        if missing or reworded:
            with transaction.update_schema() as update:
                for column in missing:
                    update.add_column(column.name, _iceberg_type(column.type), doc=column.doc)
                for column in reworded:
                    update.update_column(column.name, doc=column.doc)


def replace_day(table: MlTable, day: date, rows: Sequence[Mapping[str, Any]], catalog: Catalog | None = None) -> None:
    """Make ``rows`` the only rows of run date ``day``, in one commit.

    Raises ValueError, before anything is written, when two rows share the table's key or a row is of another day.
    """
    import pyarrow as pa
    from pyiceberg.expressions import EqualTo

    keys = {tuple(row[name] for name in table.key) for row in rows}
    if len(keys) != len(rows):
        raise ValueError(f"{table.name}: {len(rows) - len(keys)} rows repeat the key {', '.join(table.key)}")
    if any(row["run_date"] != day for row in rows):
        raise ValueError(f"{table.name}: a row's run_date is not {day}")
    catalog = catalog or _catalog()
    target = catalog.load_table(table.identifier)
    order = sorted(rows, key=lambda row: tuple(row[name] for name in table.key))
    frame = pa.Table.from_pylist([dict(row) for row in order], schema=_arrow_schema(target))
    with target.transaction() as transaction:
        if _holds(target, day):
            transaction.delete(EqualTo("run_date", day.isoformat()))
        transaction.append(frame)


def _holds(target: Table, day: date) -> bool:
    """Whether the day has rows: deleting nothing would only log a warning on every first run."""
    from pyiceberg.expressions import EqualTo

    return any(True for _ in target.scan(row_filter=EqualTo("run_date", day.isoformat())).plan_files())


def _catalog() -> Catalog:
    from tieout.connections import iceberg_catalog

    return iceberg_catalog()


def _create(catalog: Catalog, table: MlTable) -> None:
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.transforms import IdentityTransform

    schema = iceberg_schema(table)
    run_date = schema.find_field("run_date").field_id
    created = catalog.create_table(
        table.identifier,
        schema=schema,
        partition_spec=PartitionSpec(PartitionField(run_date, 1000, IdentityTransform(), "run_date")),
        properties={
            "format-version": "2",
            "comment": table.description,
            "write.parquet.compression-codec": "zstd",
        },
    )
    created.append(_arrow_schema(created).empty_table())


def iceberg_schema(table: MlTable) -> Schema:
    """The table's Iceberg schema, field ids in column order from 1."""
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    return Schema(
        *(
            NestedField(number, column.name, _iceberg_type(column.type), doc=column.doc, required=column.required)
            for number, column in enumerate(table.columns, start=1)
        )
    )


def _iceberg_type(name: str) -> Any:
    from pyiceberg.types import BooleanType, DateType, DecimalType, DoubleType, IntegerType, LongType, StringType

    if name.startswith("decimal("):
        precision, scale = name.removeprefix("decimal(").removesuffix(")").split(",")
        return DecimalType(int(precision), int(scale))
    simple = {
        "string": StringType,
        "date": DateType,
        "int": IntegerType,
        "long": LongType,
        "boolean": BooleanType,
        "double": DoubleType,
    }
    return simple[name]()


def _arrow_schema(table: Table) -> pa.Schema:
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    return schema_to_pyarrow(table.schema(), include_field_ids=False)
