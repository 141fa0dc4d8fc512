{{ config(
    unique_key=['as_of_date', 'org_id', 'control_account', 'currency'],
    meta={'rewrites_day': 'as_of_date'},
    full_refresh=false,
    properties={'partitioning': "array['month(as_of_date)']"},
) }}
{# full_refresh=false: a rebuild knows its own day only and would lose the others; it rewrites its day instead #}
{% set as_of_date = "date '" ~ as_of() ~ "'" %}

with balances as (

    {{ control_balances(as_of_date) }}

),

control_accounts as (

    {{ control_accounts() }}

),

trial_balance as (

    select * from {{ ref('fact_trial_balance') }}
    where as_of_date = {{ as_of_date }}

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('closing') }}

),

subledger as (

    select
        org_id,
        control_account,
        currency,
        count_if(open_amount > 0) as open_documents,
        sum(open_amount) as open_amount,
        sum(overpaid_amount) as overpaid_amount
    from balances
    group by org_id, control_account, currency

),

ledger as (

    select
        control_accounts.org_id,
        control_accounts.control_account,
        trial_balance.currency,
        {{ owed_in_ledger('control_accounts.control_account', 'trial_balance.balance_amount') }} as ledger_amount
    from control_accounts
    inner join trial_balance on trial_balance.account_id = control_accounts.account_id

),

ties as (

    -- where the chart has no control account the ledger's side is unknown, not zero
    select
        {{ as_of_date }} as as_of_date,
        sides.*,
        sides.open_amount - sides.overpaid_amount as subledger_amount,
        if(control_accounts.account_id is not null, coalesce(sides.posted_amount, 0)) as ledger_amount
    from (
        select
            coalesce(subledger.org_id, ledger.org_id) as org_id,
            coalesce(subledger.control_account, ledger.control_account) as control_account,
            coalesce(subledger.currency, ledger.currency) as currency,
            coalesce(subledger.open_documents, 0) as open_documents,
            coalesce(subledger.open_amount, 0) as open_amount,
            coalesce(subledger.overpaid_amount, 0) as overpaid_amount,
            ledger.ledger_amount as posted_amount
        from subledger
        full join ledger
            on ledger.org_id = subledger.org_id
            and ledger.control_account = subledger.control_account
            and ledger.currency = subledger.currency
    ) as sides
    left join control_accounts
        on control_accounts.org_id = sides.org_id
        and control_accounts.control_account = sides.control_account

),

final as (

    select
        -- ids
        ties.org_id,
        ties.control_account,

        -- dates
        ties.as_of_date,

        -- amounts
        ties.currency,
        ties.open_documents,
        cast(ties.open_amount as decimal(38, 4)) as open_amount,
        cast(ties.overpaid_amount as decimal(38, 4)) as overpaid_amount,
        cast(ties.subledger_amount as decimal(38, 4)) as subledger_amount,
        cast(ties.ledger_amount as decimal(38, 4)) as ledger_amount,
        cast(ties.subledger_amount - ties.ledger_amount as decimal(38, 4)) as difference_amount,

        -- base currency
        {{ base_amounts('ties', 'ties.as_of_date', 'closing', {
            'subledger_amount': 'ties.subledger_amount',
            'ledger_amount': 'ties.ledger_amount',
            'difference_amount': 'ties.subledger_amount - ties.ledger_amount',
        }) }},

        -- flags
        ties.subledger_amount = ties.ledger_amount as is_tied
    from ties
    left join organizations on organizations.org_id = ties.org_id
    {{ join_fx_rates('ties', 'ties.as_of_date') }}

)

select * from final
