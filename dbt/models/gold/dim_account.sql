{{ config(unique_key=['account_id']) }}

with accounts as (

    select * from {{ ref('stg_app_db__gl_accounts') }}

),

standard as (

    select * from {{ ref('dim_standard_account') }}

),

final as (

    select
        -- ids
        accounts.account_id,
        accounts.org_id,
        accounts.account_code,

        -- attributes
        accounts.name as account_name,
        accounts.account_type,
        accounts.normal_side,
        case
            when accounts.account_type in ('asset', 'liability', 'equity') then 'balance_sheet'
            when accounts.account_type in ('revenue', 'expense') then 'income_statement'
        end as statement,
        case accounts.normal_side when 'debit' then 1 when 'credit' then -1 end as presentation_sign,
        standard.account_role,

        -- dates
        accounts.created_at,

        -- flags
        accounts.is_active,
        accounts.is_deleted,
        standard.account_code is not null as is_standard
    from accounts
    left join standard
        on standard.account_code = accounts.account_code
        and standard.account_type = accounts.account_type
        and standard.normal_side = accounts.normal_side

)

select * from final
