"""How much of a table a run's tie-out compares: all of it, or the months that were touched since it last tied.

Only tables whose description says `tie_out: {mode: changed_months, …}` are compared by months. They are compared whole
when they were read whole, when the batch touched many months, and when no comparison of the whole has tied for
TIEOUT_FULL_TIE_OUT_DAYS: what was changed behind the pipeline's back in an old month is found by then.

What a run was to compare and did not prove, because it failed before or in its tie-out, is compared by the next run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tieout import connections
from tieout.batch import Batch
from tieout.controls.checksum import BRONZE
from tieout.controls.literals import identifier, literal
from tieout.controls.ops import SCHEMA
from tieout.controls.totals import CHECKSUM, ROWS, Months
from tieout.settings import get_settings
from tieout.sources import TableSpec

# More months than this are not worth a query each.
MOST_MONTHS = 12
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def whole_is_due(batch: Batch, tables: Sequence[TableSpec]) -> frozenset[TableSpec]:
    """Those of the tables that this batch's tie-out compares whole, whatever the batch touches."""
    by_month = [table for table in tables if table.month]
    due = {table for table in tables if not table.month}
    if not by_month:
        return frozenset(due)
    # Batches before this one, so that a batch that is run again compares what it compared before.
    since = batch.day - timedelta(days=get_settings().full_tie_out_days)
    tied = connections.query(
        f"select distinct source, entity from {SCHEMA}.tie_out where check_name = 'source_silver' "
        f"and measure = {literal(CHECKSUM)} and status = 'tied' "
        f"and batch > {literal(since)} and batch < {literal(batch.day)}"
    )
    return frozenset(due | {table for table in by_month if (table.source, table.name) not in set(tied)})


def changed_months(table: TableSpec, batch: Batch) -> Months:
    """The months of the rows that the batch brought to Bronze or marked as deleted, and those that are not proven yet.

    Not proven are the months of what came to Bronze, in whatever batch, after the last run whose tie-out held had read
    the source, and those that runs since were to compare: a batch that was extracted again may hold fewer.

    None where they are too many to single out, where such a run was to compare the whole, or where one is NULL: that
    the column must not be is for validation to say.
    """
    since, month = literal(_proven_at(table)), BRONZE.month(table)
    # Each a scan of its own: files are found by either condition, and by neither where both stand in one.
    touched = [f"_batch = {literal(batch.day)}", f"_extracted_at > {since}"]
    brought = [f"select {month} from {table.bronze} where _op = 'upsert' and {condition}" for condition in touched]
    key = ", ".join(identifier(name) for name in table.key)
    gone = " union ".join(f"select {key} from {table.bronze} where _op = 'delete' and {way}" for way in touched)
    rows = connections.query(
        " union ".join(brought)
        # A mark of deletion holds the key alone; the month never changes, so any version of the row tells it.
        + f" union select {month} from {table.bronze} inner join ({gone}) using ({key}) where _op = 'upsert'"
        # Of a table that was measured whole, the measure names no month.
        f" union select if(measure <> {literal(ROWS)}, substr(measure, {len(ROWS) + 2})) from {SCHEMA}.control_totals "
        f"where layer = 'source' and source = {literal(table.source)} and entity = {literal(table.name)} "
        f"and recorded_at > {since} and (measure = {literal(ROWS)} or measure like {literal(f'{ROWS}@%')})"
    )
    months = {month for (month,) in rows}
    return None if None in months or len(months) > MOST_MONTHS else tuple(sorted(months))


def _proven_at(table: TableSpec) -> datetime:
    """When the last run of which all comparisons tied had measured the source; all that it read was read before.

    A run counts by its last tie-out, as it does for publishing. Long ago where there is none.
    """
    ((at,),) = connections.query(
        "select max(totals.recorded_at) "
        f"from {SCHEMA}.control_totals as totals inner join ("
        "select run_id, batch, min(recorded_at) as tied_at "
        f"from (select *, max(recorded_at) over (partition by run_id, batch) as newest from {SCHEMA}.tie_out) "
        "where recorded_at = newest group by run_id, batch having bool_and(status = 'tied')"
        # Without the totals of a try that came after the tie-out and has none of its own yet.
        ") as proven on proven.run_id = totals.run_id and proven.batch = totals.batch "
        "and proven.tied_at >= totals.recorded_at "
        f"where totals.layer = 'source' and totals.source = {literal(table.source)} "
        f"and totals.entity = {literal(table.name)}"
    )
    return at or _LONG_AGO
