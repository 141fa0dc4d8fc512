{{ config(unique_key=['account_id']) }}

with source as (

    {{ newest_extracted(source('app_db', 'gl_accounts'), key=['id']) }}

),

final as (

    select
        -- ids
        id as account_id,
        org_id,

        -- attributes
        account_code,
        name,
        account_type,
        normal_side,

        -- dates
        created_at,
        updated_at,

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
