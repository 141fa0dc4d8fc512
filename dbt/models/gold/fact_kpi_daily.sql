{{ config(
    unique_key=['as_of_date', 'org_id'],
    meta={'rewrites_day': 'as_of_date'},
    full_refresh=false,
    properties={'partitioning': "array['month(as_of_date)']"},
) }}
{# full_refresh=false: a rebuild knows its own day only and would lose the others; it rewrites its day instead #}
{% set as_of_date = "date '" ~ as_of() ~ "'" %}

with organizations as (

    select org_id, base_currency
    from {{ ref('dim_organization') }}
    where is_deleted = false

),

invoices as (

    select * from {{ ref('fact_ar_invoices') }}

),

bills as (

    select * from {{ ref('fact_ap_bills') }}

),

credits as (

    select * from {{ ref('fact_settlements') }}
    where settled_by = 'credit_note' and {{ in_kpi_window('settled_on', as_of_date) }}

),

payments as (

    select
        *,
        status = 'succeeded' or (status = 'reversed' and reversed_on > {{ as_of_date }}) as has_succeeded
    from {{ ref('fact_payments') }}
    where {{ in_kpi_window('payment_date', as_of_date) }}

),

parts as (

    select org_id, 'total_ar_amount' as part, base_remaining_amount as amount
    from {{ ref('fact_ar_aging') }}
    where as_of_date = {{ as_of_date }}

    union all

    select org_id, 'overdue_ar_amount', base_remaining_amount
    from {{ ref('fact_ar_aging') }}
    where as_of_date = {{ as_of_date }} and is_overdue

    union all

    select org_id, 'total_ap_amount', base_remaining_amount
    from {{ ref('fact_ap_aging') }}
    where as_of_date = {{ as_of_date }}

    union all

    select org_id, 'revenue_amount', base_subtotal_amount
    from invoices
    where {{ in_kpi_window('invoice_date', as_of_date) }} and {{ stood_on('invoices', as_of_date) }}

    union all

    -- a credit note does not say how much of it is tax: it has its document's share. Whether that counts is asked of
    -- what was joined: as a condition it would have all documents read, not only those that have credit notes.
    select
        invoices.org_id,
        'revenue_amount',
        if(
            {{ stood_on('invoices', as_of_date) }},
            -{{ at_rate('credits.base_amount', ratio('invoices.subtotal_amount', 'invoices.total_amount')) }},
            0
        )
    from invoices
    inner join credits on credits.invoice_id = invoices.invoice_id

    union all

    select org_id, 'purchases_amount', base_subtotal_amount
    from bills
    where {{ in_kpi_window('bill_date', as_of_date) }} and {{ stood_on('bills', as_of_date) }}

    union all

    select
        bills.org_id,
        'purchases_amount',
        if(
            {{ stood_on('bills', as_of_date) }},
            -{{ at_rate('credits.base_amount', ratio('bills.subtotal_amount', 'bills.total_amount')) }},
            0
        )
    from bills
    inner join credits on credits.bill_id = bills.bill_id

    union all

    select org_id, if(direction = 'in', 'collected_amount', 'paid_amount'), base_amount
    from payments
    where has_succeeded

    union all

    -- pending ones may still go either way
    select org_id, 'decided_payments', cast(1 as decimal(38, 4))
    from payments
    where status <> 'pending'

    union all

    select org_id, 'succeeded_payments', cast(1 as decimal(38, 4))
    from payments
    where has_succeeded

    union all

    select org_id, 'inventory_amount', base_balance_amount
    from {{ ref('fact_trial_balance') }}
    where as_of_date = {{ as_of_date }} and account_role = 'inventory'

    union all

    select org_id, 'cost_of_goods_sold_amount', base_amount
    from {{ ref('fact_gl_entries') }}
    where account_role = 'cost_of_goods_sold' and {{ in_kpi_window('entry_date', as_of_date) }}

),

sums as (

    select
        organizations.org_id,
        organizations.base_currency,
        {{ sum_of_part('total_ar_amount') }},
        {{ sum_of_part('overdue_ar_amount') }},
        {{ sum_of_part('total_ap_amount') }},
        {{ sum_of_part('revenue_amount') }},
        {{ sum_of_part('purchases_amount') }},
        {{ sum_of_part('collected_amount') }},
        {{ sum_of_part('paid_amount') }},
        {{ sum_of_part('inventory_amount') }},
        {{ sum_of_part('cost_of_goods_sold_amount') }},
        {{ sum_of_part('decided_payments') }},
        {{ sum_of_part('succeeded_payments') }},
        count_if(parts.part is not null and parts.amount is null) > 0 as is_rate_missing
    from organizations
    left join parts on parts.org_id = organizations.org_id
    group by organizations.org_id, organizations.base_currency

),

rates as (

    select
        *,
        {{ days_of('total_ar_amount', 'revenue_amount') }} as dso,
        {{ days_of('total_ap_amount', 'purchases_amount') }} as dpo,
        if(
            inventory_amount = 0,
            cast(0 as decimal(38, 10)),
            {{ days_of('inventory_amount', 'cost_of_goods_sold_amount') }}
        ) as dio
    from sums

),

final as (

    select
        -- ids
        org_id,

        -- dates
        {{ as_of_date }} as as_of_date,
        {{ kpi_window_days() }} as window_days,

        -- amounts
        base_currency,
        cast(total_ar_amount as decimal(38, 4)) as total_ar_amount,
        cast(overdue_ar_amount as decimal(38, 4)) as overdue_ar_amount,
        cast(total_ap_amount as decimal(38, 4)) as total_ap_amount,
        cast(revenue_amount as decimal(38, 4)) as revenue_amount,
        cast(purchases_amount as decimal(38, 4)) as purchases_amount,
        cast(collected_amount as decimal(38, 4)) as collected_amount,
        cast(paid_amount as decimal(38, 4)) as paid_amount,

        -- days
        dso,
        dpo,
        dio,
        cast(dso + dio - dpo as decimal(38, 10)) as ccc,

        -- rates
        {{ ratio('succeeded_payments', 'decided_payments') }} as payment_success_rate,
        {{ ratio('overdue_ar_amount', 'total_ar_amount') }} as overdue_ratio,

        -- flags
        is_rate_missing
    from rates

)

select * from final
