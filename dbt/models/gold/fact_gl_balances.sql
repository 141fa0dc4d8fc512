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

    -- an account is one organization's, with one code
    select
        any_value(org_id) as org_id,
        account_id,
        any_value(account_code) as account_code,
        currency,
        date_trunc('month', entry_date) as month_start,
        sum(debit_amount) as debit_amount,
        sum(credit_amount) as credit_amount,
        count(*) as entry_count
    from entries
    group by account_id, currency, date_trunc('month', entry_date)

),

running as (

    select
        *,
        sum(debit_amount - credit_amount) over by_month as closing_amount,
        lead(month_start) over by_month as next_month
    from moved
    window by_month as (partition by account_id, currency order by month_start)

),

-- a month without an entry has a balance too
balances as (

    select
        running.org_id,
        running.account_id,
        running.account_code,
        running.currency,
        months.month_start,
        least(last_day_of_month(months.month_start), newest_day.as_of_date) as translated_on,
        if(months.month_start = running.month_start, running.entry_count, 0) as entry_count,
        if(months.month_start = running.month_start, running.debit_amount, 0) as debit_amount,
        if(months.month_start = running.month_start, running.credit_amount, 0) as credit_amount,
        running.closing_amount
    from running
    cross join newest_day
    cross join unnest(sequence(
        running.month_start,
        coalesce(
            running.next_month - interval '1' month,
            greatest(running.month_start, date_trunc('month', newest_day.as_of_date))
        ),
        interval '1' month
    )) as months (month_start)

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
