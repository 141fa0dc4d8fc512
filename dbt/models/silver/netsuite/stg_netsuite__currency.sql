{{ config(unique_key=['currency_id']) }}

with source as (

    {{ newest_delivered(source('netsuite', 'currency'), key=['id']) }}

),

final as (

    select
        -- ids
        id as currency_id,

        -- attributes
        symbol as currency_code,
        name,
        currencyprecision as minor_unit,

        -- dates
        lastmodifieddate as modified_at,

        -- amounts
        exchangerate as exchange_rate,

        -- flags
        isbasecurrency as is_base_currency,

        -- lineage
        coalesce(deleted, false) as is_deleted,
        _batch,
        _extracted_at,
        _file,
        _line
    from source

)

select * from final
