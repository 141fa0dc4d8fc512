"""Past forecasts beside what came: scored by Trino in one statement, anew as days pass.

Each forecast of the last 90 days is scored over those of its days that have happened, by how far ahead they lay. The
statement says the whole truth of those run dates and writes differences only, so a rerun changes nothing, and a booking
that comes late mends the scores it touches. A score stays once a run has seen all its days, more than 90 days after its
own.
"""

from __future__ import annotations

from datetime import date, timedelta

from tieout.connections import execute
from tieout.ml import lake
from tieout.ml.history import HISTORY_DAYS
from tieout.ml.intervals import WEEK
from tieout.ml.tables import BUCKETS, FORECAST, LEVELS, LIVE_ACCURACY

MEASURES = ("inflow", "outflow", "net")

# Changes from last week's same day are what MASE is scaled by: those of the history that a model saw.
MERGE = """
merge into lake.{target} as held
using (
    with flows as (
        select org_id, currency, booked_on,
               sum(case when amount > 0 then amount else cast(0 as decimal(19, 4)) end) as inflow,
               sum(case when amount < 0 then -amount else cast(0 as decimal(19, 4)) end) as outflow
        from {silver}.stg_app_db__bank_transactions
        where is_deleted = false and transfer_group_id is null
          and booked_on <= date '{until}' and booked_on > date '{since}' - interval '{history_days}' day
        group by org_id, currency, booked_on
    ),

    spans as (
        select org_id, currency, min(booked_on) as first_day from flows group by org_id, currency
    ),

    days as (
        select spans.org_id, spans.currency, t.day,
               coalesce(flows.inflow, 0) as inflow, coalesce(flows.outflow, 0) as outflow
        from spans
        cross join unnest(sequence(spans.first_day, date '{until}')) as t (day)
        left join flows
            on flows.org_id = spans.org_id and flows.currency = spans.currency and flows.booked_on = t.day
    ),

    actuals as (
        select days.org_id, days.currency, days.day, t.flow, t.amount,
               abs(t.amount - lag(t.amount, {week}) over (
                   partition by days.org_id, days.currency, t.flow order by days.day
               )) as change
        from days
        cross join unnest(
            array['inflow', 'outflow', 'net'], array[days.inflow, days.outflow, days.inflow - days.outflow]
        ) as t (flow, amount)
    ),

    scales as (
        select org_id, currency, flow, day,
               cast(sum(change) over seen as double) / nullif(count(change) over seen, 0) as mean_change
        from actuals
        window seen as (
            partition by org_id, currency, flow order by day rows between {changes} preceding and current row
        )
    ),

    forecasts as (
        select run_date, org_id, currency, forecast_date, horizon_days, t.*
        from lake.{forecast}
        cross join unnest(
            array['inflow', 'outflow', 'net'], array[inflow_model, outflow_model, null],
            array[inflow_amount, outflow_amount, net_amount], {bounds}
        ) as t (flow, model, amount, {bound_names})
        where status = 'forecast' and forecast_date <= date '{until}' and run_date >= date '{since}'
    ),

    scored as (
        select forecasts.run_date, forecasts.org_id, forecasts.currency, forecasts.flow,
               buckets.first_day_ahead, buckets.last_day_ahead, max(forecasts.model) as model,
               cast(count(*) as integer) as days, max(forecasts.forecast_date) as last_day_scored,
               cast(sum(forecasts.amount) as decimal(38, 4)) as forecast_amount,
               cast(sum(coalesce(actuals.amount, 0)) as decimal(38, 4)) as actual_amount,
               cast(sum(abs(forecasts.amount - coalesce(actuals.amount, 0))) as decimal(38, 4)) as absolute_error,
               sum(abs(coalesce(actuals.amount, 0))) as moved,
               {coverages}
        from forecasts
        inner join (values {buckets}) as buckets (first_day_ahead, last_day_ahead)
            on forecasts.horizon_days between buckets.first_day_ahead and buckets.last_day_ahead
        left join actuals
            on actuals.org_id = forecasts.org_id and actuals.currency = forecasts.currency
            and actuals.flow = forecasts.flow and actuals.day = forecasts.forecast_date
        group by forecasts.run_date, forecasts.org_id, forecasts.currency, forecasts.flow,
                 buckets.first_day_ahead, buckets.last_day_ahead
    ),

    made as (
        select scored.*,
               cast(scored.absolute_error as double) / nullif(cast(scored.moved as double), 0) as wape,
               cast(scored.absolute_error as double) / scored.days / nullif(scales.mean_change, 0) as mase
        from scored
        left join scales
            on scales.org_id = scored.org_id and scales.currency = scored.currency
            and scales.flow = scored.flow and scales.day = scored.run_date
    )

    select {keys}, {values}, made.run_date is null as is_gone
    from made
    full join (select * from lake.{target} where run_date >= date '{since}') as kept
        on {same}
    where made.run_date is null or kept.run_date is null or {differs}
) as came
on {matches} and held.run_date >= date '{since}'
when matched and came.is_gone then delete
when matched then update set {updates}
when not matched then insert ({columns}) values ({inserts})
"""


def score_past_forecasts(day: date) -> None:
    """Score every forecast of the 90 days before the newest day forecast on, those that the run before could not score
    to their last day, however long ago it was, and all since ``day`` where that is earlier: a forecast that was just
    made anew is scored anew."""
    newest = newest_run_date()
    if newest is None:
        return
    horizon = timedelta(days=BUCKETS[-1][1])
    since = min(day, newest - horizon)
    previous = run_date_before(newest)
    if previous is not None:
        since = min(since, previous - horizon + timedelta(days=1))
    execute(statement(since, newest))


def newest_run_date() -> date | None:
    """The newest day that a forecast was made on: all that was booked by then is in Silver."""
    return lake.rows(f"select max(run_date) as newest from lake.{FORECAST.identifier}")[0]["newest"]


def run_date_before(day: date) -> date | None:
    """The newest day before ``day`` that a forecast was made on."""
    sql = f"select max(run_date) as newest from lake.{FORECAST.identifier} where run_date < date '{day}'"
    return lake.rows(sql)[0]["newest"]


def statement(since: date, until: date) -> str:
    """The merge that scores the forecasts made from ``since`` on, against what was booked up to ``until``."""
    key, columns = LIVE_ACCURACY.key, [column.name for column in LIVE_ACCURACY.columns]
    values = [name for name in columns if name not in key]
    sides = [f"{side}_{level}" for level in LEVELS for side in ("lower", "upper")]
    return MERGE.format(
        target=LIVE_ACCURACY.identifier,
        forecast=FORECAST.identifier,
        silver=lake.SILVER,
        since=since,
        until=until,
        week=WEEK,
        history_days=HISTORY_DAYS,
        changes=HISTORY_DAYS - WEEK - 1,
        bounds=", ".join(f"array[{', '.join(f'{name}_{side}' for name in MEASURES)}]" for side in sides),
        bound_names=", ".join(sides),
        buckets=", ".join(f"({first}, {last})" for first, last in BUCKETS),
        coverages=", ".join(
            f"cast(count_if(coalesce(actuals.amount, 0) between forecasts.lower_{level} and forecasts.upper_{level}) "
            f"as double) / count(*) as coverage_{level}"
            for level in LEVELS
        ),
        keys=", ".join(f"coalesce(made.{name}, kept.{name}) as {name}" for name in key),
        values=", ".join(f"made.{name}" for name in values),
        same=" and ".join(f"kept.{name} = made.{name}" for name in key),
        differs=" or ".join(f"made.{name} is distinct from kept.{name}" for name in values),
        matches=" and ".join(f"held.{name} = came.{name}" for name in key),
        updates=", ".join(f"{name} = came.{name}" for name in values),
        columns=", ".join(columns),
        inserts=", ".join(f"came.{name}" for name in columns),
    )
