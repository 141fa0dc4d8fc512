-- A month opens with what the month before closed with, the first with nothing, and the last closes with all entries.
with balances as (

    select
        *,
        lag(closing_amount, 1, 0) over (
            partition by account_id, currency order by month_start
        ) as closing_before,
        lag(month_start) over (partition by account_id, currency order by month_start) as month_before,
        lead(month_start) over (partition by account_id, currency order by month_start) as month_after
    from {{ ref('fact_gl_balances') }}

),

ledger as (

    select account_id, currency, sum(amount) as amount
    from {{ ref('fact_gl_entries') }}
    group by account_id, currency

)

select balances.account_id, balances.currency, balances.month_start
from balances
where opening_amount <> closing_before or month_start <> month_before + interval '1' month

union all

select coalesce(ledger.account_id, newest.account_id), coalesce(ledger.currency, newest.currency), newest.month_start
from (select * from balances where month_after is null) as newest
full join ledger on ledger.account_id = newest.account_id and ledger.currency = newest.currency
where ledger.amount is distinct from newest.closing_amount
