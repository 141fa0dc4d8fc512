-- A day follows a day, each opens with what the one before closed with, the first with the account's opening balance,
-- and the last is the newest day loaded.
with positions as (

    select
        bank_account_id,
        position_date,
        opening_balance,
        lag(position_date) over (partition by bank_account_id order by position_date) as day_before,
        lag(closing_balance) over (partition by bank_account_id order by position_date) as balance_before,
        lead(position_date) over (partition by bank_account_id order by position_date) as day_after
    from {{ ref('fact_cash_position') }}

),

newest as (

    {{ newest_loaded_day() }}

)

select positions.*
from positions
inner join {{ ref('dim_bank_account') }} as accounts on accounts.bank_account_id = positions.bank_account_id
cross join newest
where positions.opening_balance is distinct from coalesce(positions.balance_before, accounts.opening_balance)
    or positions.day_before <> date_add('day', -1, positions.position_date)
    or (positions.day_after is null and positions.position_date <> newest.as_of_date)
