{{ config(
    unique_key=['as_of_date', 'invoice_id'],
    meta={'rewrites_day': 'as_of_date'},
    full_refresh=false,
    properties={'partitioning': "array['month(as_of_date)']"},
) }}
{# full_refresh=false: a rebuild knows its own day only and would lose the others; it rewrites its day instead #}
{% set as_of_date = "date '" ~ as_of() ~ "'" %}

with invoices as (

    -- a void without its day is taken as never owed
    select *
    from {{ ref('stg_app_db__ar_invoices') }}
    where not is_deleted
        and status <> 'draft'
        and invoice_date <= {{ as_of_date }}
        and (status <> 'void' or voided_on > {{ as_of_date }})

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('closing') }}

),

settlements as (

    {{ ar_settlements(as_of_date) }}

),

settled as (

    select
        invoice_id,
        sum(allocated_amount) as allocated_amount,
        sum(credited_amount) as credited_amount
    from settlements
    group by invoice_id

),

balances as (

    select
        invoices.*,
        {{ as_of_date }} as as_of_date,
        coalesce(settled.allocated_amount, 0) as allocated_amount,
        coalesce(settled.credited_amount, 0) as credited_amount,
        invoices.total_amount - coalesce(settled.allocated_amount, 0)
        - coalesce(settled.credited_amount, 0) as remaining_amount
    from invoices
    left join settled on settled.invoice_id = invoices.invoice_id

),

final as (

    select
        -- ids
        balances.invoice_id,
        balances.org_id,
        balances.customer_id,
        balances.invoice_number,

        -- dates
        balances.as_of_date,
        balances.invoice_date,
        balances.due_date,

        -- amounts
        balances.currency,
        balances.total_amount,
        cast(balances.credited_amount as decimal(38, 4)) as credited_amount,
        cast(balances.allocated_amount as decimal(38, 4)) as allocated_amount,
        cast(balances.remaining_amount as decimal(38, 4)) as remaining_amount,

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
