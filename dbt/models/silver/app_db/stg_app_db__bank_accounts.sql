{{ config(unique_key=['bank_account_id']) }}

with source as (

    {{ newest_extracted(source('app_db', 'bank_accounts'), key=['id']) }}

),

final as (

    select
        -- ids
        id as bank_account_id,
        org_id,

        -- attributes
        name,
        account_number,

        -- dates
        opened_on,
        created_at,
        updated_at,

        -- amounts
        currency,
        opening_balance,
        minimum_balance,

        -- flags
        is_active,

        -- lineage
        _is_gone as is_deleted,
        _changed_batch as _batch,
        _changed_at as _extracted_at,
        _values_at
    from source

)

select * from final
