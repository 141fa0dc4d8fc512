{# The open documents of a side as they stood at the end of a day, as a whole query: fact_ar_aging and fact_ap_aging are
   this for the batch's day, and it can be asked for any other.

   as_of_date: a day (SQL), as in {{ aging('ar', "date '2026-10-31'") }}. #}
{% macro aging(side, as_of_date) %}
    {%- set names = subledger(side) -%}
with organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('closing') }}

),

balances as (

    select *, {{ as_of_date }} as as_of_date
    from (
        {{ balances_by(side, as_of_date, may_be_unsettled(side, as_of_date)) }}
    )
    where remaining_by_then > 0

),

final as (

    select
        -- ids
        balances.{{ names.id }},
        balances.org_id,
        balances.{{ names.party }},
        balances.{{ names.number }},

        -- dates
        balances.as_of_date,
        balances.{{ names.dated }},
        balances.due_date,

        -- amounts
        balances.currency,
        balances.total_amount,
        cast(balances.credited_by_then as decimal(38, 4)) as credited_amount,
        cast(balances.allocated_by_then as decimal(38, 4)) as allocated_amount,
        cast(balances.remaining_by_then as decimal(38, 4)) as remaining_amount,

        -- base currency
        {{ base_amounts('balances', 'balances.as_of_date', 'closing', {
            'remaining_amount': 'balances.remaining_by_then',
        }) }},

        -- age
        {{ days_overdue('balances.due_date', 'balances.as_of_date') }} as days_overdue,
        {{ aging_bucket('balances.due_date', 'balances.as_of_date') }} as aging_bucket,

        -- flags
        balances.as_of_date > balances.due_date as is_overdue,
        balances.is_disputed
    from balances
    left join organizations on organizations.org_id = balances.org_id
    {{ join_fx_rates('balances', 'balances.as_of_date') }}

)

select * from final
{% endmacro %}
