{{ config(
    unique_key=['as_of_date', 'control_account', 'currency', 'posted_type', 'posted_id'],
    meta={'rewrites_day': 'as_of_date'},
    full_refresh=false,
    properties={'partitioning': "array['month(as_of_date)']"},
) }}
{# full_refresh=false: a rebuild knows its own day only and would lose the others; it rewrites its day instead #}
{% set as_of_date = "date '" ~ as_of() ~ "'" %}

with movements as (

    {{ control_movements(as_of_date) }}

),

control_accounts as (

    {{ control_accounts() }}

),

entries as (

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

both_sides as (

    select
        movements.org_id,
        movements.control_account,
        movements.currency,
        movements.posted_type,
        movements.posted_id,
        movements.debt_amount as subledger_amount,
        cast(0 as decimal(38, 4)) as ledger_amount
    from movements
    inner join control_accounts
        on control_accounts.org_id = movements.org_id
        and control_accounts.control_account = movements.control_account

    union all

    -- a line that names no document is known by its journal
    select
        entries.org_id,
        control_accounts.control_account,
        entries.currency,
        coalesce(entries.document_type, 'journal'),
        coalesce(entries.document_id, entries.journal_id),
        cast(0 as decimal(38, 4)),
        cast({{ owed_in_ledger('control_accounts.control_account', 'entries.amount') }} as decimal(38, 4))
    from entries
    inner join control_accounts on control_accounts.account_id = entries.account_id

),

differences as (

    select
        {{ as_of_date }} as as_of_date,
        org_id,
        control_account,
        currency,
        posted_type,
        posted_id,
        sum(subledger_amount) as subledger_amount,
        sum(ledger_amount) as ledger_amount
    from both_sides
    group by org_id, control_account, currency, posted_type, posted_id
    having sum(subledger_amount) <> sum(ledger_amount)

),

final as (

    select
        -- ids
        differences.org_id,
        differences.control_account,
        differences.posted_type,
        differences.posted_id,

        -- dates
        differences.as_of_date,

        -- amounts
        differences.currency,
        differences.subledger_amount,
        differences.ledger_amount,
        differences.subledger_amount - differences.ledger_amount as difference_amount,

        -- base currency
        {{ base_amounts('differences', 'differences.as_of_date', 'closing', {
            'difference_amount': 'differences.subledger_amount - differences.ledger_amount',
        }) }}
    from differences
    left join organizations on organizations.org_id = differences.org_id
    {{ join_fx_rates('differences', 'differences.as_of_date') }}

)

select * from final
