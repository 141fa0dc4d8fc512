-- Per organization and month, the three sums side by side are those of the rows they were made from.
with rows_apart as (

    select
        financials.org_id,
        financials.month,
        sum(if(financials.scenario = 'Budget', financials.base_amount, 0)) as budget,
        sum(if(financials.scenario = 'Actual', financials.base_amount, 0)) as actual,
        sum(if(financials.scenario = 'Forecast', financials.base_amount, 0)) as forecast
    from {{ ref('fact_financials') }} as financials
    left join {{ ref('fact_variance') }} as variances
        on variances.account_id = financials.account_id and variances.month = financials.month
    -- a sum with a part that has no rate is NULL on purpose; a row that has no variance at all is lost
    where not coalesce(variances.is_rate_missing, false)
    group by financials.org_id, financials.month

),

side_by_side as (

    select
        org_id,
        month,
        sum(budget_amount) as budget,
        sum(actual_amount) as actual,
        sum(forecast_amount) as forecast,
        sum(variance_amount) as variance
    from {{ ref('fact_variance') }}
    where not is_rate_missing
    group by org_id, month

)

select *
from rows_apart
full join side_by_side on side_by_side.org_id = rows_apart.org_id and side_by_side.month = rows_apart.month
where side_by_side.budget is distinct from rows_apart.budget
    or side_by_side.actual is distinct from rows_apart.actual
    or side_by_side.forecast is distinct from rows_apart.forecast
    or side_by_side.variance is distinct from rows_apart.budget - rows_apart.actual
