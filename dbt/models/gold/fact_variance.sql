{{ config(unique_key=['account_id', 'month']) }}

with newest as (

    {{ newest_loaded_day() }}

),

financials as (

    select * from {{ ref('fact_financials') }}

),

compared as (

    -- the other columns of an account and month are the same in all its rows
    select
        account_id,
        month,
        arbitrary(org_id) as org_id,
        arbitrary(account_code) as account_code,
        arbitrary(account_name) as account_name,
        arbitrary(account_type) as account_type,
        arbitrary(statement) as statement,
        arbitrary(base_currency) as currency,
        {%- for scenario in ['Budget', 'Actual', 'Forecast'] %}
        {%- set name = scenario | lower %}
        -- a sum that leaves out what has no rate would be a wrong number: there is none then
        if(
            not coalesce(bool_or(is_rate_missing) filter (where scenario = '{{ scenario }}'), false),
            cast(coalesce(sum(base_amount) filter (where scenario = '{{ scenario }}'), 0) as decimal(38, 4))
        ) as {{ name }}_amount,
        count_if(scenario = '{{ scenario }}') > 0 as has_{{ name }},
        {%- endfor %}
        bool_or(is_rate_missing) as is_rate_missing
    from financials
    group by account_id, month

),

varied as (

    select
        *,
        cast(budget_amount - actual_amount as decimal(38, 4)) as variance_amount
    from compared

),

final as (

    select
        -- ids
        varied.org_id,
        varied.account_id,

        -- attributes
        varied.account_code,
        varied.account_name,
        varied.account_type,
        varied.statement,

        -- dates
        varied.month,

        -- amounts
        varied.currency,
        varied.budget_amount,
        varied.actual_amount,
        varied.forecast_amount,
        varied.variance_amount,
        {{ ratio('varied.variance_amount', 'varied.budget_amount') }} as variance_share,
        {{ presented('varied.budget_amount', 'varied.account_type') }} as presentation_budget_amount,
        {{ presented('varied.actual_amount', 'varied.account_type') }} as presentation_actual_amount,
        {{ presented('varied.forecast_amount', 'varied.account_type') }} as presentation_forecast_amount,

        -- base currency: the amounts are in it, what was in another was converted in fact_financials
        varied.currency as base_currency,
        if(not varied.is_rate_missing, cast(1 as decimal(20, 10))) as fx_rate,
        if(not varied.is_rate_missing, 'none') as fx_rate_type,
        if(not varied.is_rate_missing, last_day_of_month(varied.month)) as fx_rate_date,
        varied.budget_amount as base_budget_amount,
        varied.actual_amount as base_actual_amount,
        varied.forecast_amount as base_forecast_amount,
        varied.variance_amount as base_variance_amount,

        -- flags
        -- debit is positive: an expense below its budget and a revenue above it both leave a variance above zero
        if(
            varied.account_type in ('revenue', 'expense') and varied.variance_amount <> 0,
            varied.variance_amount > 0
        ) as is_favourable,
        varied.has_budget,
        varied.has_actual,
        varied.has_forecast,
        last_day_of_month(varied.month) <= newest.as_of_date as is_month_over,
        varied.is_rate_missing
    from varied
    cross join newest

)

select * from final
