{{ config(unique_key=['customer_id']) }}

with source as (

    {{ newest_extracted(source('app_db', 'customers'), key=['id']) }}

),

final as (

    select
        -- ids
        id as customer_id,
        org_id,

        -- attributes
        customer_number,
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
