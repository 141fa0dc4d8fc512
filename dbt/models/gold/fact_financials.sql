{{ config(unique_key=['account_id', 'month', 'scenario', 'currency']) }}

with accounts as (

    select account_id, org_id, account_code, account_name, account_type, normal_side, statement
    from {{ ref('dim_account') }}

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('average') }}

),

scenarios as (

    -- a month's balance has summed the ledger's lines
    select
        account_id,
        'Actual' as scenario,
        'ledger' as source,
        month_start as month,
        currency,
        debit_amount - credit_amount as amount,
        entry_count as line_count
    from {{ ref('fact_gl_balances') }}
    where entry_count > 0

    union all

    select account_id, scenario, source, month, currency, amount, 1 as line_count
    from {{ ref('fact_budget_entries') }}
    where is_effective

),

placed as (

    select
        scenarios.*,
        accounts.org_id,
        accounts.account_code,
        accounts.account_name,
        accounts.account_type,
        accounts.normal_side,
        accounts.statement,
        {{ presented('scenarios.amount', 'accounts.account_type') }} as presentation_amount,
        last_day_of_month(scenarios.month) as rate_day
    from scenarios
    left join accounts on accounts.account_id = scenarios.account_id

),

final as (

    select
        -- ids
        placed.org_id,
        placed.account_id,

        -- attributes
        placed.account_code,
        placed.account_name,
        placed.account_type,
        placed.normal_side,
        placed.statement,
        placed.scenario,
        placed.source,
        placed.line_count,

        -- dates
        placed.month,

        -- amounts
        placed.currency,
        placed.amount,
        placed.presentation_amount,

        -- base currency
        {{ base_amounts('placed', 'placed.rate_day', 'average', {
            'amount': 'placed.amount',
            'presentation_amount': 'placed.presentation_amount',
        }) }},

        -- flags
        placed.org_id is not null as is_account_known
    from placed
    left join organizations on organizations.org_id = placed.org_id
    {{ join_fx_rates('placed', 'placed.rate_day') }}

)

select * from final
