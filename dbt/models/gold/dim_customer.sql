{{ config(unique_key=['customer_id']) }}

with customers as (

    select * from {{ ref('stg_app_db__customers') }}

),

final as (

    select
        -- ids
        customer_id,
        org_id,
        customer_number,

        -- attributes
        name as customer_name,
        email,
        country,
        currency,
        payment_terms_days,

        -- dates
        created_at,

        -- flags
        is_active,
        is_deleted
    from customers

)

select * from final
