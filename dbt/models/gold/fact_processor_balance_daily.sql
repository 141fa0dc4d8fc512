{{ config(unique_key=['processor_balance_id']) }}

with transactions as (

    select *, coalesce(org_id, '') as owner
    from {{ ref('fact_processor_transactions') }}

),

categories as (

    select
        owner,
        currency,
        transaction_date,
        reporting_category,
        cast(count(*) as bigint) as transaction_count,
        cast(sum(amount) as decimal(38, 4)) as amount,
        cast(sum(fee_amount) as decimal(38, 4)) as fee_amount,
        cast(sum(net_amount) as decimal(38, 4)) as net_amount,
        cast(sum(total_fee_amount) as decimal(38, 4)) as total_fee_amount,
        bool_or(is_revenue) as is_revenue
    from transactions
    group by owner, currency, transaction_date, reporting_category

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('spot') }}

),

balances as (

    select
        *,
        nullif(owner, '') as org_id,
        cast(sum(net_amount) over (
            partition by owner, currency order by transaction_date
            range between unbounded preceding and current row
        ) as decimal(38, 4)) as closing_balance
    from categories

),

final as (

    select
        -- ids
        concat_ws(
            '/', if(owner = '', 'none', owner), balances.currency, cast(transaction_date as varchar), reporting_category
        ) as processor_balance_id,
        balances.org_id,

        -- attributes
        balances.reporting_category,

        -- dates
        balances.transaction_date,

        -- amounts
        balances.currency,
        balances.transaction_count,
        balances.amount,
        balances.fee_amount,
        balances.net_amount,
        balances.total_fee_amount,
        balances.closing_balance,

        -- base currency
        {{ base_amounts('balances', 'balances.transaction_date', 'spot', {
            'amount': 'balances.amount',
            'fee_amount': 'balances.fee_amount',
            'net_amount': 'balances.net_amount',
            'total_fee_amount': 'balances.total_fee_amount',
        }) }},

        -- flags
        balances.is_revenue
    from balances
    left join organizations on organizations.org_id = balances.org_id
    {{ join_fx_rates('balances', 'balances.transaction_date') }}

)

select * from final
