{{ config(
    unique_key=['as_of_date', 'account_id', 'currency'],
    meta={'rewrites_day': 'as_of_date'},
    full_refresh=false,
    properties={'partitioning': "array['month(as_of_date)']"},
) }}
{# full_refresh=false: a rebuild knows its own day only and would lose the others; it rewrites its day instead #}
{% set as_of_date = "date '" ~ as_of() ~ "'" %}

with entries as (

    select * from {{ ref('fact_gl_entries') }}
    where entry_date <= {{ as_of_date }}

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('closing') }}

),

balances as (

    -- an account is one organization's, with one code and role
    select
        {{ as_of_date }} as as_of_date,
        any_value(org_id) as org_id,
        account_id,
        any_value(account_code) as account_code,
        any_value(account_role) as account_role,
        currency,
        sum(amount) as balance_amount
    from entries
    group by account_id, currency

),

final as (

    select
        -- ids
        balances.org_id,
        balances.account_id,
        balances.account_code,

        -- attributes
        balances.account_role,

        -- dates
        balances.as_of_date,

        -- amounts
        balances.currency,
        cast(balances.balance_amount as decimal(38, 4)) as balance_amount,
        cast(greatest(balances.balance_amount, 0) as decimal(38, 4)) as debit_balance_amount,
        cast(greatest(-balances.balance_amount, 0) as decimal(38, 4)) as credit_balance_amount,

        -- base currency
        {{ base_amounts('balances', 'balances.as_of_date', 'closing', {
            'balance_amount': 'balances.balance_amount',
        }) }}
    from balances
    left join organizations on organizations.org_id = balances.org_id
    {{ join_fx_rates('balances', 'balances.as_of_date') }}

)

select * from final
