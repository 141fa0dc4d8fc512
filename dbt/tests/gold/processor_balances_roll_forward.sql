-- A day's closing balance is the one before it and what the day's categories moved; and the newest one is all there is.
with days as (

    select
        org_id,
        currency,
        transaction_date,
        min(closing_balance) as closing_balance,
        max(closing_balance) as highest,
        sum(net_amount) as net_amount
    from {{ ref('fact_processor_balance_daily') }}
    group by org_id, currency, transaction_date

),

chained as (

    select
        *,
        lag(closing_balance, 1, 0) over (partition by org_id, currency order by transaction_date) as opening_balance
    from days

)

select *
from chained
where closing_balance <> highest or closing_balance <> opening_balance + net_amount
