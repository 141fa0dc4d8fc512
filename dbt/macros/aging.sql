{# The open documents of a side as they stood at the end of a day, as a whole query: fact_ar_aging and fact_ap_aging are
   this for the batch's day, and it can be asked for any other.

   as_of_date: a day (SQL), as in {{ aging('ar', "date '2026-10-31'") }}. #}
{% macro aging(side, as_of_date) %}
    {%- set names = subledger(side) -%}
with documents as (

    select * from {{ ref(names.documents) }}

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('closing') }}

),

movements as (

    {{ subledger_movements(side, as_of_date, among=unsettled_documents(side, as_of_date)) }}

),

debts as (

    select
        document_id,
        sum(allocated_amount) as allocated_amount,
        sum(credited_amount) as credited_amount,
        sum(debt_amount) as remaining_amount
    from movements
    group by document_id
    having sum(debt_amount) > 0

),

balances as (

    select
        documents.*,
        {{ as_of_date }} as as_of_date,
        debts.allocated_amount,
        debts.credited_amount,
        debts.remaining_amount
    from debts
    inner join documents on documents.{{ names.id }} = debts.document_id

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
        balances.credited_amount,
        balances.allocated_amount,
        balances.remaining_amount,

        -- base currency
        {{ base_amounts('balances', 'balances.as_of_date', 'closing', {
            'remaining_amount': 'balances.remaining_amount',
        }) }},

        -- age
        greatest(date_diff('day', balances.due_date, balances.as_of_date), 0) as days_overdue,
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
