"""How much of a table a run's tie-out compares: all of it, or the months that the batch touched.

Only tables whose description says `tie_out: {mode: changed_months, …}` are compared by months. They are compared whole
when they were read whole, when the batch touched many months, and when no comparison of the whole has tied for
TIEOUT_FULL_TIE_OUT_DAYS: what was changed behind the pipeline's back in an old month is found by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from tieout import connections
from tieout.batch import Batch
from tieout.controls.checksum import BRONZE
from tieout.controls.literals import literal
from tieout.controls.ops import SCHEMA
from tieout.controls.totals import CHECKSUM, Months
from tieout.settings import get_settings
from tieout.sources import TableSpec

# More months than this are not worth a query each.
MOST_MONTHS = 12


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
    """The months of the rows that the batch brought to Bronze or marked as deleted.

    None where they are too many to single out, or one is NULL: that the column must not be is for validation to say.
    """
    key, of_batch = BRONZE.key_text(table), f"_batch = {literal(batch.day)}"
    rows = connections.query(
        f"select distinct {BRONZE.month(table)} from {table.bronze} where _op = 'upsert' and ({of_batch} "
        # A mark of deletion holds the key alone; the month never changes, so any version of the row tells it.
        f"or {key} in (select {key} from {table.bronze} where {of_batch} and _op = 'delete'))"
    )
    months = {month for (month,) in rows}
    return None if None in months or len(months) > MOST_MONTHS else tuple(sorted(months))
