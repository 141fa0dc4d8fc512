{{ config(unique_key=['supplier_id']) }}

with suppliers as (

    select * from {{ ref('stg_app_db__suppliers') }}

),

final as (

    select
        -- ids
        supplier_id,
        org_id,
        supplier_number,

        -- attributes
        name as supplier_name,
        email,
        country,
        currency,
        payment_terms_days,

        -- dates
        created_at,

        -- flags
        is_active,
        is_deleted
    from suppliers

)

select * from final
