{{ config(
    unique_key=['payment_id'],
    meta={'changed_keys': 'changed_payments'},
    properties=by_year('payment_date'),
) }}
{% set since = last_built() %}

with payments as (

    select
        *,
        cast(if(status = 'succeeded', amount, 0) as decimal(38, 4)) as effective_amount
    from {{ ref('stg_app_db__payments') }}
    where is_deleted = false {{ and_changed('payment_id', since) }}

),

allocated as (

    select
        payment_id,
        sum(amount) as allocated_amount,
        count(*) as allocation_count,
        min(allocated_on) as first_allocated_on
    from {{ ref('stg_app_db__payment_allocations') }}
    where is_deleted = false {{ and_changed('payment_id', since) }}
    group by payment_id

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('spot') }}

),

settled as (

    -- allocations of a payment that did not succeed settle nothing
    select
        payments.*,
        if(payments.status = 'succeeded', coalesce(allocated.allocated_amount, 0), 0) as allocated_amount,
        if(payments.status = 'succeeded', coalesce(allocated.allocation_count, 0), 0) as allocation_count,
        if(payments.status = 'succeeded', allocated.first_allocated_on) as first_allocated_on
    from payments
    left join allocated on allocated.payment_id = payments.payment_id

),

final as (

    select
        -- ids
        settled.payment_id,
        settled.org_id,
        settled.customer_id,
        settled.supplier_id,
        settled.bank_account_id,

        -- attributes
        settled.direction,
        settled.status,
        settled.processor,
        settled.processor_reference,
        settled.failure_reason,
        settled.allocation_count,

        -- dates
        settled.payment_date,
        settled.reversed_on,
        settled.first_allocated_on,

        -- amounts
        settled.currency,
        settled.amount,
        settled.effective_amount,
        cast(settled.allocated_amount as decimal(38, 4)) as allocated_amount,
        cast(settled.effective_amount - settled.allocated_amount as decimal(38, 4)) as unallocated_amount,
        {{ ratio('settled.allocated_amount', 'settled.effective_amount') }} as allocation_rate,

        -- base currency
        {{ base_amounts('settled', 'settled.payment_date', 'spot', {
            'amount': 'settled.amount',
            'effective_amount': 'settled.effective_amount',
            'allocated_amount': 'settled.allocated_amount',
        }) }}
    from settled
    left join organizations on organizations.org_id = settled.org_id
    {{ join_fx_rates('settled', 'settled.payment_date') }}

)

select * from final
