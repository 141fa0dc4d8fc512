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

numbered as (

    select *, {{ text_number('posted_id') }} as posted_number
    from both_sides

),

bucketed as (

    select
        *,
        bitwise_and(posted_number, 255) as bucket,
        cast(1 + bitwise_and(bitwise_right_shift(posted_number, 8), 2147483647) as decimal(10, 0)) as weight
    from numbered

),

-- Of a long history nearly everything ties, and grouping it by what was posted would cost more than all else. Buckets of
-- it are compared first. What differs is weighed by its own number there, so that two differences do not cancel.
buckets_that_differ as (

    select org_id, control_account, currency, posted_type, bucket
    from bucketed
    group by org_id, control_account, currency, posted_type, bucket
    having sum((subledger_amount - ledger_amount) * weight) <> 0

),

differences as (

    select
        {{ as_of_date }} as as_of_date,
        bucketed.org_id,
        bucketed.control_account,
        bucketed.currency,
        bucketed.posted_type,
        bucketed.posted_id,
        sum(bucketed.subledger_amount) as subledger_amount,
        sum(bucketed.ledger_amount) as ledger_amount
    from bucketed
    inner join buckets_that_differ
        on buckets_that_differ.org_id = bucketed.org_id
        and buckets_that_differ.control_account = bucketed.control_account
        and buckets_that_differ.currency = bucketed.currency
        and buckets_that_differ.posted_type = bucketed.posted_type
        and buckets_that_differ.bucket = bucketed.bucket
    group by
        bucketed.org_id, bucketed.control_account, bucketed.currency, bucketed.posted_type, bucketed.posted_id
    having sum(bucketed.subledger_amount) <> sum(bucketed.ledger_amount)

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
