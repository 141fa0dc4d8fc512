{{ config(unique_key=['org_id']) }}

with organizations as (

    select * from {{ ref('stg_app_db__organizations') }}

),

currencies as (

    select * from {{ ref('stg_app_db__currencies') }}

),

final as (

    select
        -- ids
        organizations.org_id,
        organizations.netsuite_subsidiary_id,

        -- attributes
        organizations.name as organization_name,
        organizations.country,
        organizations.base_currency,
        currencies.minor_unit as base_currency_digits,

        -- dates
        organizations.created_at,

        -- flags
        organizations.is_deleted
    from organizations
    left join currencies on currencies.currency_code = organizations.base_currency

)

select * from final
