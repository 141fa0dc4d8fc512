{{ config(unique_key=['instrument_price_id']) }}

with source as (

    {{ newest_extracted(source('app_db', 'instrument_prices'), key=['id']) }}

),

final as (

    select
        -- ids
        id as instrument_price_id,
        org_id,
        instrument_id,

        -- dates
        price_date,
        created_at,
        updated_at,

        -- amounts
        price,

        -- lineage
        _is_gone as is_deleted,
        _changed_batch as _batch,
        _changed_at as _extracted_at,
        _values_at
    from source

)

select * from final
