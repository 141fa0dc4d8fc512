{{ config(
    unique_key=['settlement_id'],
    meta={'changed_keys': 'changed_settlements'},
    properties=by_year('settled_on'),
) }}
{% set since = last_built() %}

with receivables as (

    {{ settlements('ar') }}

),

payables as (

    {{ settlements('ap') }}

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('spot') }}

),

both_sides as (

    select *, document_id as invoice_id, cast(null as varchar) as bill_id from receivables
    where true {{ and_changed('settlement_id', since) }}
    union all
    select *, cast(null as varchar), document_id from payables
    where true {{ and_changed('settlement_id', since) }}

),

final as (

    select
        -- ids
        both_sides.settlement_id,
        both_sides.org_id,
        both_sides.invoice_id,
        both_sides.bill_id,
        if(both_sides.settled_by = 'payment', both_sides.settled_by_id) as payment_id,

        -- attributes
        both_sides.settled_by,

        -- dates
        both_sides.settled_on,
        both_sides.reversed_on,

        -- amounts
        both_sides.currency,
        both_sides.allocated_amount + both_sides.credited_amount + both_sides.reversed_amount as amount,
        both_sides.allocated_amount + both_sides.credited_amount as effective_amount,

        -- base currency
        {{ base_amounts('both_sides', 'both_sides.settled_on', 'spot', {
            'amount': 'both_sides.allocated_amount + both_sides.credited_amount + both_sides.reversed_amount',
            'effective_amount': 'both_sides.allocated_amount + both_sides.credited_amount',
        }) }}
    from both_sides
    left join organizations on organizations.org_id = both_sides.org_id
    {{ join_fx_rates('both_sides', 'both_sides.settled_on') }}

)

select * from final
