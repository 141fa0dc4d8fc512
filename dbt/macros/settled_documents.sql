{# The documents of a side as they stand now, drafts left out, as a whole query: fact_ar_invoices and fact_ap_bills. #}
{% macro settled_documents(side) %}
    {%- set names, since = subledger(side), last_built() -%}
with documents as (

    select
        *,
        status = 'void' as is_void,
        if(status = 'void', cast(0 as decimal(19, 4)), total_amount) as owed_amount
    from {{ ref(names.documents) }}
    where is_deleted = false and {{ is_issued(side) }} {{ and_changed(names.id, since) }}

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('spot') }}

),

newest_day as (

    {{ newest_loaded_day() }}

),

settlements as (

    {{ settlements(side, since=since) }}

),

running as (

    select
        settlements.*,
        reversed_amount = 0 as counts,
        sum(settlements.allocated_amount + settlements.credited_amount) over (
            partition by settlements.document_id order by settlements.settled_on
        ) >= documents.owed_amount as is_settled_by_then
    from settlements
    inner join documents on documents.{{ names.id }} = settlements.document_id

),

settled as (

    select
        document_id,
        sum(allocated_amount) as allocated_amount,
        sum(credited_amount) as credited_amount,
        sum(reversed_amount) as reversed_amount,
        count_if(counts and settled_by = 'payment') as allocation_count,
        min(settled_on) filter (where counts) as first_settled_on,
        min(settled_on) filter (where counts and is_settled_by_then) as fully_settled_on
    from running
    group by document_id

),

balances as (

    select
        documents.*,
        coalesce(settled.allocated_amount, 0) as allocated_amount,
        coalesce(settled.credited_amount, 0) as credited_amount,
        coalesce(settled.reversed_amount, 0) as reversed_amount,
        coalesce(settled.allocation_count, 0) as allocation_count,
        settled.first_settled_on,
        settled.fully_settled_on,
        documents.owed_amount - coalesce(settled.allocated_amount, 0)
        - coalesce(settled.credited_amount, 0) as balance_amount
    from documents
    left join settled on settled.document_id = documents.{{ names.id }}

),

aged as (

    -- a settled document has no age, so that a new day changes open documents only
    select
        balances.*,
        if(balance_amount > 0, newest_day.as_of_date) as aged_as_of,
        if(balance_amount > 0, {{ days_overdue('due_date', 'newest_day.as_of_date') }}, 0) as days_overdue
    from balances
    cross join newest_day

),

final as (

    select
        -- ids
        aged.{{ names.id }},
        aged.org_id,
        aged.{{ names.party }},
        aged.{{ names.number }},

        -- attributes
        aged.status,
        aged.allocation_count,

        -- dates
        aged.{{ names.dated }},
        aged.due_date,
        aged.voided_on,
        aged.first_settled_on,
        if(not aged.is_void, aged.fully_settled_on) as fully_settled_on,
        if(
            not aged.is_void and aged.allocated_amount > 0,
            date_diff('day', aged.{{ names.dated }}, aged.fully_settled_on)
        ) as {{ names.settled_days }},

        -- amounts
        aged.currency,
        aged.subtotal_amount,
        aged.tax_amount,
        aged.total_amount,
        cast(aged.total_amount - aged.owed_amount as decimal(38, 4)) as voided_amount,
        cast(aged.credited_amount as decimal(38, 4)) as credited_amount,
        cast(aged.allocated_amount as decimal(38, 4)) as allocated_amount,
        cast(aged.reversed_amount as decimal(38, 4)) as reversed_amount,
        cast(greatest(aged.balance_amount, 0) as decimal(38, 4)) as remaining_amount,
        cast(greatest(-aged.balance_amount, 0) as decimal(38, 4)) as overpaid_amount,
        if(not aged.is_void, {{ ratio('aged.allocated_amount', 'aged.total_amount') }}) as {{ names.settled_rate }},

        -- base currency
        {{ base_amounts('aged', 'aged.' ~ names.dated, 'spot', {
            'subtotal_amount': 'aged.subtotal_amount',
            'total_amount': 'aged.total_amount',
            'allocated_amount': 'aged.allocated_amount',
            'remaining_amount': 'greatest(aged.balance_amount, 0)',
        }) }},

        -- age
        aged.aged_as_of,
        aged.days_overdue,
        if(aged.balance_amount > 0, {{ aging_bucket('aged.due_date', 'aged.aged_as_of') }}) as aging_bucket,

        -- flags
        aged.days_overdue > 0 as is_overdue,
        aged.is_disputed,
        {{ is_high_risk('aged.days_overdue', 'aged.is_disputed', 'aged.reversed_amount') }} as is_high_risk
    from aged
    left join organizations on organizations.org_id = aged.org_id
    {{ join_fx_rates('aged', 'aged.' ~ names.dated) }}

)

select * from final
{% endmacro %}


{% macro days_overdue(due_date, as_of) -%}
    greatest(date_diff('day', {{ due_date }}, {{ as_of }}), 0)
{%- endmacro %}


{# After a build that looked at changed keys alone: the age of the open documents that it did not look at. It follows from
   what the row holds, so nothing is read but the rows that are written. A build of the whole has told all ages. #}
{% macro age_open_documents() %}
    {%- if last_built() -%}
    {%- set today = "date '" ~ run_query(newest_loaded_day())[0][0] ~ "'" -%}
    {%- set days = days_overdue('due_date', today) -%}
    update {{ this }} set
        aged_as_of = {{ today }},
        days_overdue = {{ days }},
        aging_bucket = {{ aging_bucket('due_date', today) }},
        is_overdue = {{ days }} > 0,
        is_high_risk = {{ is_high_risk(days, 'is_disputed', 'reversed_amount') }}
    where remaining_amount > 0 and aged_as_of < {{ today }}
    {%- endif -%}
{% endmacro %}


{# Late, and either by more than 90 days, or in dispute, or although a payment for it had come and was reversed. #}
{% macro is_high_risk(days_overdue, is_disputed, reversed_amount) -%}
    {{ days_overdue }} > 90 or ({{ days_overdue }} > 0 and ({{ is_disputed }} or {{ reversed_amount }} > 0))
{%- endmacro %}
