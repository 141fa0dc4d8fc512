{{ config(unique_key=['instrument_id']) }}

with instruments as (

    select * from {{ ref('stg_app_db__instruments') }}

),

final as (

    select
        -- ids
        instrument_id,
        org_id,
        symbol,
        isin,

        -- attributes
        name as instrument_name,
        instrument_type,
        currency,

        -- dates
        created_at,

        -- flags
        is_active,
        is_deleted
    from instruments

)

select * from final
