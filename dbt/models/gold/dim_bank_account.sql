{{ config(unique_key=['bank_account_id']) }}

with final as (

    select
        -- ids
        bank_account_id,
        org_id,

        -- attributes
        name as bank_account_name,
        account_number,

        -- dates
        opened_on,
        created_at,

        -- amounts
        currency,
        opening_balance,
        minimum_balance,

        -- flags
        is_active,
        is_deleted
    from {{ ref('stg_app_db__bank_accounts') }}

)

select * from final
