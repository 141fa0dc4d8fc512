{{ config(unique_key=['invoice_id']) }}

with invoices as (

    select
        *,
        status = 'void' as is_void,
        if(status = 'void', cast(0 as decimal(19, 4)), total_amount) as owed_amount
    from {{ ref('stg_app_db__ar_invoices') }}
    where not is_deleted and status <> 'draft'

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

    {{ ar_settlements() }}

),

running as (

    select
        settlements.*,
        sum(settlements.allocated_amount + settlements.credited_amount) over (
            partition by settlements.invoice_id order by settlements.settled_on
        ) >= invoices.owed_amount as is_settled_by_then
    from settlements
    inner join invoices on invoices.invoice_id = settlements.invoice_id

),

settled as (

    select
        invoice_id,
        sum(allocated_amount) as allocated_amount,
        sum(credited_amount) as credited_amount,
        count_if(is_allocation) as allocation_count,
        min(settled_on) as first_settled_on,
        min(settled_on) filter (where is_settled_by_then) as fully_settled_on
    from running
    group by invoice_id

),

balances as (

    select
        invoices.*,
        coalesce(settled.allocated_amount, 0) as allocated_amount,
        coalesce(settled.credited_amount, 0) as credited_amount,
        coalesce(settled.allocation_count, 0) as allocation_count,
        settled.first_settled_on,
        settled.fully_settled_on,
        invoices.owed_amount - coalesce(settled.allocated_amount, 0)
        - coalesce(settled.credited_amount, 0) as balance_amount
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

        -- attributes
        balances.status,
        balances.allocation_count,

        -- dates
        balances.invoice_date,
        balances.due_date,
        balances.voided_on,
        balances.first_settled_on,
        if(not balances.is_void, balances.fully_settled_on) as fully_settled_on,
        if(
            not balances.is_void and balances.allocated_amount > 0,
            date_diff('day', balances.invoice_date, balances.fully_settled_on)
        ) as days_to_collect,

        -- amounts
        balances.currency,
        balances.subtotal_amount,
        balances.tax_amount,
        balances.total_amount,
        cast(balances.total_amount - balances.owed_amount as decimal(38, 4)) as voided_amount,
        cast(balances.credited_amount as decimal(38, 4)) as credited_amount,
        cast(balances.allocated_amount as decimal(38, 4)) as allocated_amount,
        cast(greatest(balances.balance_amount, 0) as decimal(38, 4)) as remaining_amount,
        cast(greatest(-balances.balance_amount, 0) as decimal(38, 4)) as overpaid_amount,
        if(not balances.is_void, {{ ratio('balances.allocated_amount', 'balances.total_amount') }}) as collection_rate,

        -- base currency
        {{ base_amounts('balances', 'balances.invoice_date', 'spot', {
            'total_amount': 'balances.total_amount',
            'allocated_amount': 'balances.allocated_amount',
            'remaining_amount': 'greatest(balances.balance_amount, 0)',
        }) }},

        -- age; a settled invoice has none, so that a new day changes open invoices only
        if(balances.balance_amount > 0, newest_day.as_of_date) as aged_as_of,
        if(
            balances.balance_amount > 0 and newest_day.as_of_date > balances.due_date,
            date_diff('day', balances.due_date, newest_day.as_of_date), 0
        ) as days_overdue,
        if(
            balances.balance_amount > 0,
            {{ aging_bucket('balances.due_date', 'newest_day.as_of_date') }}
        ) as aging_bucket,

        -- flags
        balances.balance_amount > 0 and newest_day.as_of_date > balances.due_date as is_overdue,
        balances.is_disputed
    from balances
    cross join newest_day
    left join organizations on organizations.org_id = balances.org_id
    {{ join_fx_rates('balances', 'balances.invoice_date') }}

)

select * from final
