{{ config(
    unique_key=['gl_entry_id'],
    meta={'changed_keys': 'changed_gl_entries'},
    properties=by_year('entry_date'),
) }}
{% set since = last_built() %}

with entries as (

    select * from {{ ref('stg_app_db__gl_entries') }}
    where is_deleted = false {{ and_changed('gl_entry_id', since) }}

),

accounts as (

    select account_id, account_code, account_role
    from {{ ref('dim_account') }}

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('spot') }}

),

final as (

    select
        -- ids
        entries.gl_entry_id,
        entries.org_id,
        entries.journal_id,
        entries.account_id,
        entries.document_id,

        -- attributes
        accounts.account_code,
        accounts.account_role,
        entries.document_type,
        entries.memo,

        -- dates
        entries.entry_date,

        -- amounts
        entries.currency,
        entries.amount,
        greatest(entries.amount, 0) as debit_amount,
        greatest(-entries.amount, 0) as credit_amount,

        -- base currency
        {{ base_amounts('entries', 'entries.entry_date', 'spot', {
            'amount': 'entries.amount',
        }) }}
    from entries
    left join accounts on accounts.account_id = entries.account_id
    left join organizations on organizations.org_id = entries.org_id
    {{ join_fx_rates('entries', 'entries.entry_date') }}

)

select * from final
