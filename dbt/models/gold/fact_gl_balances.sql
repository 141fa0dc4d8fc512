{{ config(unique_key=['account_id', 'currency', 'month_start']) }}

with entries as (

    select * from {{ ref('fact_gl_entries') }}

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('closing') }}

),

newest_day as (

    {{ newest_loaded_day() }}

),

moved as (

    select
        org_id,
        account_id,
        account_code,
        currency,
        date_trunc('month', entry_date) as month_start,
        sum(debit_amount) as debit_amount,
        sum(credit_amount) as credit_amount,
        count(*) as entry_count
    from entries
    group by org_id, account_id, account_code, currency, date_trunc('month', entry_date)

),

-- a month without an entry has a balance too
months as (

    select
        accounts.org_id,
        accounts.account_id,
        accounts.account_code,
        accounts.currency,
        months.month_start,
        least(last_day_of_month(months.month_start), newest_day.as_of_date) as translated_on
    from (
        select
            org_id,
            account_id,
            account_code,
            currency,
            min(month_start) as first_month,
            max(month_start) as last_month
        from moved
        group by org_id, account_id, account_code, currency
    ) as accounts
    cross join newest_day
    cross join unnest(sequence(
        accounts.first_month,
        greatest(accounts.last_month, date_trunc('month', newest_day.as_of_date)),
        interval '1' month
    )) as months (month_start)

),

balances as (

    select
        months.*,
        coalesce(moved.entry_count, 0) as entry_count,
        coalesce(moved.debit_amount, 0) as debit_amount,
        coalesce(moved.credit_amount, 0) as credit_amount,
        sum(coalesce(moved.debit_amount, 0) - coalesce(moved.credit_amount, 0)) over (
            partition by months.account_id, months.currency order by months.month_start
        ) as closing_amount
    from months
    left join moved
        on moved.account_id = months.account_id
        and moved.currency = months.currency
        and moved.month_start = months.month_start

),

final as (

    select
        -- ids
        balances.org_id,
        balances.account_id,
        balances.account_code,

        -- attributes
        balances.entry_count,

        -- dates
        balances.month_start,

        -- amounts
        balances.currency,
        cast(balances.closing_amount - balances.debit_amount + balances.credit_amount as decimal(38, 4))
            as opening_amount,
        cast(balances.debit_amount as decimal(38, 4)) as debit_amount,
        cast(balances.credit_amount as decimal(38, 4)) as credit_amount,
        cast(balances.closing_amount as decimal(38, 4)) as closing_amount,

        -- base currency
        {{ base_amounts('balances', 'balances.translated_on', 'closing', {
            'opening_amount': 'balances.closing_amount - balances.debit_amount + balances.credit_amount',
            'debit_amount': 'balances.debit_amount',
            'credit_amount': 'balances.credit_amount',
            'closing_amount': 'balances.closing_amount',
        }) }}
    from balances
    left join organizations on organizations.org_id = balances.org_id
    {{ join_fx_rates('balances', 'balances.translated_on') }}

)

select * from final
