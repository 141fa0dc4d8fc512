{{ config(unique_key=['org_id']) }}

with source as (

    {{ newest_extracted(source('app_db', 'organizations'), key=['id']) }}

),

final as (

    select
        -- ids
        id as org_id,
        netsuite_subsidiary_id,

        -- attributes
        name,
        country,
        base_currency,

        -- dates
        created_at,
        updated_at,

        -- amounts
        minimum_cash_balance,

        -- lineage
        _is_gone as is_deleted,
        _changed_batch as _batch,
        _changed_at as _extracted_at,
        _values_at
    from source

)

select * from final
