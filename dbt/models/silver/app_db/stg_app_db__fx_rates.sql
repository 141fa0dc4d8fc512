{{ config(unique_key=['fx_rate_id']) }}

with source as (

    {{ newest_extracted(source('app_db', 'fx_rates'), key=['id']) }}

),

final as (

    select
        -- ids
        id as fx_rate_id,
        org_id,

        -- attributes
        from_currency,
        to_currency,
        rate_type,

        -- dates
        rate_date,
        created_at,
        updated_at,

        -- amounts
        rate,

        -- lineage
        _is_gone as is_deleted,
        _changed_batch as _batch,
        _changed_at as _extracted_at,
        _values_at
    from source

)

select * from final
