-- Both sides are in the fact exactly once: as many rows and, per currency, as much money as Silver has.
with made_from as (

    select 'stripe' as side, currency, count(*) as items, sum(amount) as amount
    from {{ ref('stg_stripe__balance_transactions') }}
    where {{ is_item('type', 'source_id') }}
    group by currency

    union all

    select 'netsuite', currencies.currency_code, count(distinct transactions.transaction_id), sum(lines.amount)
    from {{ ref('stg_netsuite__transaction') }} as transactions
    left join {{ ref('stg_netsuite__transactionline') }} as lines
        on lines.transaction_id = transactions.transaction_id and lines.is_main_line and lines.is_deleted = false
    left join {{ ref('stg_netsuite__currency') }} as currencies on currencies.currency_id = transactions.currency_id
    where {{ names_item('transactions.external_id') }} and transactions.is_deleted = false
    group by currencies.currency_code

),

fact as (

    select 'stripe' as side, stripe_currency as currency, count(*) as items, sum(stripe_amount) as amount
    from {{ ref('fact_reconciliation') }}
    where balance_transaction_id is not null
    group by stripe_currency

    union all

    select 'netsuite', netsuite_currency, count(*), sum(netsuite_amount)
    from {{ ref('fact_reconciliation') }}
    where netsuite_transaction_id is not null
    group by netsuite_currency

)

select *
from made_from
full join fact on fact.side = made_from.side and fact.currency is not distinct from made_from.currency
where fact.items is distinct from made_from.items or fact.amount is distinct from made_from.amount
