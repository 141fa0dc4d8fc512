{{ config(unique_key=['account_id']) }}

with accounts as (

    select * from {{ ref('stg_app_db__gl_accounts') }}

),

final as (

    select
        -- ids
        account_id,
        org_id,
        account_code,

        -- attributes
        name as account_name,
        account_type,
        normal_side,
        case
            when account_type in ('asset', 'liability', 'equity') then 'balance_sheet'
            when account_type in ('revenue', 'expense') then 'income_statement'
        end as statement,
        case normal_side when 'debit' then 1 when 'credit' then -1 end as presentation_sign,

        -- dates
        created_at,

        -- flags
        is_active,
        is_deleted
    from accounts

)

select * from final
