{# The open documents of a side as they stood at the end of a day, as a whole query: fact_ar_aging and fact_ap_aging are
   this for the batch's day, and it can be asked for any other.

   as_of_date: a day (SQL), as in {{ aging('ar', "date '2026-10-31'") }}. #}
{% macro aging(side, as_of_date) %}
    {%- set names = subledger(side) -%}
with documents as (

    -- drafts and deleted documents are not in the fact, and owe nothing
    select * from {{ ref(names.fact) }}
    where {{ names.dated }} <= {{ as_of_date }}
        and (status <> 'void' or voided_on > {{ as_of_date }})
        and {{ may_be_unsettled(side, as_of_date) }}

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('closing') }}

),

settled as (

    select
        {{ names.id }},
        sum(if(settled_by = 'payment', {{ counted_amount(as_of_date) }}, 0)) as allocated_amount,
        sum(if(settled_by = 'credit_note', {{ counted_amount(as_of_date) }}, 0)) as credited_amount
    from {{ ref('fact_settlements') }}
    where settled_on <= {{ as_of_date }}
        and {{ names.id }} in (select {{ names.id }} from documents)
    group by {{ names.id }}

),

balances as (

    select
        *,
        {{ as_of_date }} as as_of_date,
        total_amount - allocated_amount - credited_amount as remaining_amount
    from (
        select
            documents.{{ names.id }},
            documents.org_id,
            documents.{{ names.party }},
            documents.{{ names.number }},
            documents.{{ names.dated }},
            documents.due_date,
            documents.currency,
            documents.is_disputed,
            documents.total_amount,
            cast(coalesce(settled.allocated_amount, 0) as decimal(38, 4)) as allocated_amount,
            cast(coalesce(settled.credited_amount, 0) as decimal(38, 4)) as credited_amount
        from documents
        left join settled on settled.{{ names.id }} = documents.{{ names.id }}
    )

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
    where balances.remaining_amount > 0

)

select * from final
{% endmacro %}
