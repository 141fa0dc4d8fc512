-- Every debit has its credit: per day, organization and currency the balances sum to zero, and no account with an entry
-- by the batch's day is left out. A journal that the source has not dated as a whole is none of Gold's faults:
-- journals_balance_every_day, in Silver, names it first.
with sums as (

    select as_of_date, org_id, currency, sum(balance_amount) as off
    from {{ ref('fact_trial_balance') }}
    group by as_of_date, org_id, currency

),

ledger as (

    select account_id, currency, sum(amount) as amount
    from {{ ref('fact_gl_entries') }}
    where entry_date <= date '{{ as_of() }}'
    group by account_id, currency

),

balances as (

    select * from {{ ref('fact_trial_balance') }}
    where as_of_date = date '{{ as_of() }}'

)

select cast(as_of_date as varchar) as at, org_id as whose, currency, off
from sums
where off <> 0

union all

select 'account', coalesce(ledger.account_id, balances.account_id), coalesce(ledger.currency, balances.currency), amount
from ledger
full join balances on balances.account_id = ledger.account_id and balances.currency = ledger.currency
where ledger.amount is distinct from balances.balance_amount
