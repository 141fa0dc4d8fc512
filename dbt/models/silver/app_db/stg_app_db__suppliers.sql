{{ config(unique_key=['supplier_id']) }}

with source as (

    {{ newest_extracted(source('app_db', 'suppliers'), key=['id']) }}

),

final as (

    select
        -- ids
        id as supplier_id,
        org_id,

        -- attributes
        supplier_number,
        name,
        email,
        country,
        currency,
        payment_terms_days,

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
