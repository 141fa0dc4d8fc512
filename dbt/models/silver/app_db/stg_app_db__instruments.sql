{{ config(unique_key=['instrument_id']) }}

with source as (

    {{ newest_extracted(source('app_db', 'instruments'), key=['id']) }}

),

final as (

    select
        -- ids
        id as instrument_id,
        org_id,

        -- attributes
        symbol,
        name,
        instrument_type,
        isin,
        currency,

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
