{{ config(unique_key=['bank_account_id', 'position_date']) }}
{# Compared whole and written by difference: a day's run adds a row an account, and a booking that came late rewrites
   its account from its day on, which a rewrite of the run's own day would leave wrong. See docs/DECISIONS.md. #}

with newest as (

    {{ newest_loaded_day() }}

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('closing') }}

),

movements as (

    select
        bank_account_id,
        booked_on,
        count(*) as transaction_count,
        sum(if(transfer_group_id is null and amount > 0, amount, 0)) as inflow_amount,
        sum(if(transfer_group_id is null and amount < 0, -amount, 0)) as outflow_amount,
        sum(if(transfer_group_id is not null, amount, 0)) as transfer_amount,
        sum(amount) as net_amount
    from {{ ref('stg_app_db__bank_transactions') }}
    where is_deleted = false and booked_on <= (select as_of_date from newest)
    group by bank_account_id, booked_on

),

first_movements as (

    select bank_account_id, min(booked_on) as first_booked_on
    from movements
    group by bank_account_id

),

spans as (

    select
        accounts.bank_account_id,
        accounts.org_id,
        accounts.currency,
        accounts.opening_balance,
        least(accounts.opened_on, coalesce(first_movements.first_booked_on, accounts.opened_on)) as first_day,
        newest.as_of_date as last_day
    from {{ ref('stg_app_db__bank_accounts') }} as accounts
    cross join newest
    left join first_movements on first_movements.bank_account_id = accounts.bank_account_id
    where accounts.is_deleted = false
        and least(accounts.opened_on, coalesce(first_movements.first_booked_on, accounts.opened_on)) <= newest.as_of_date

),

-- By years, then by days: sequence() ends at 10,000 values, which are 27 years of days.
days as (

    select spans.*, days.position_date
    from spans
    cross join unnest(sequence(year(first_day), year(last_day))) as years (calendar_year)
    cross join unnest(sequence(
        greatest(first_day, date_add('year', calendar_year - 1970, date '1970-01-01')),
        least(last_day, date_add('day', -1, date_add('year', calendar_year - 1969, date '1970-01-01')))
    )) as days (position_date)

),

balances as (

    select
        days.bank_account_id,
        days.org_id,
        days.currency,
        days.position_date,
        coalesce(movements.transaction_count, 0) as transaction_count,
        coalesce(movements.inflow_amount, 0) as inflow_amount,
        coalesce(movements.outflow_amount, 0) as outflow_amount,
        coalesce(movements.transfer_amount, 0) as transfer_amount,
        coalesce(movements.net_amount, 0) as net_amount,
        days.opening_balance + sum(coalesce(movements.net_amount, 0)) over (
            partition by days.bank_account_id
            order by days.position_date
            rows between unbounded preceding and current row
        ) as closing_balance
    from days
    left join movements
        on movements.bank_account_id = days.bank_account_id
        and movements.booked_on = days.position_date

),

final as (

    select
        -- ids
        balances.bank_account_id,
        balances.org_id,

        -- dates
        balances.position_date,

        -- amounts
        balances.currency,
        cast(balances.closing_balance - balances.net_amount as decimal(38, 4)) as opening_balance,
        cast(balances.inflow_amount as decimal(38, 4)) as inflow_amount,
        cast(balances.outflow_amount as decimal(38, 4)) as outflow_amount,
        cast(balances.transfer_amount as decimal(38, 4)) as transfer_amount,
        cast(balances.closing_balance as decimal(38, 4)) as closing_balance,
        balances.transaction_count,

        -- base currency
        {{ base_amounts('balances', 'balances.position_date', 'closing', {
            'closing_balance': 'balances.closing_balance',
        }) }}
    from balances
    left join organizations on organizations.org_id = balances.org_id
    {{ join_fx_rates('balances', 'balances.position_date') }}

)

select * from final
