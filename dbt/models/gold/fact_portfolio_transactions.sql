{{ config(unique_key=['org_id', 'transaction_number']) }}

with transactions as (

    select *
    from {{ ref('stg_wealth__transactions') }}
    where is_deleted = false

),

instruments as (

    select instrument_id, org_id, symbol
    from {{ ref('stg_app_db__instruments') }}
    where is_deleted = false

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('spot') }}

),

final as (

    select
        -- ids
        transactions.org_id,
        transactions.transaction_number,
        instruments.instrument_id,

        -- attributes
        transactions.portfolio,
        transactions.account,
        transactions.symbol,
        transactions.transaction_type,
        transactions.description,

        -- dates
        transactions.booked_on,

        -- amounts
        transactions.currency,
        transactions.amount,

        -- base currency
        {{ base_amounts('transactions', 'transactions.booked_on', 'spot', {
            'amount': 'transactions.amount',
        }) }}
    from transactions
    left join instruments
        on instruments.org_id = transactions.org_id
        and instruments.symbol = transactions.symbol
    left join organizations on organizations.org_id = transactions.org_id
    {{ join_fx_rates('transactions', 'transactions.booked_on') }}

)

select * from final
