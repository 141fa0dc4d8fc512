{{ config(unique_key=['currency_code']) }}

with source as (

    {{ newest_extracted(source('app_db', 'currencies'), key=['code']) }}

),

final as (

    select
        -- ids
        code as currency_code,

        -- attributes
        name,
        minor_unit,

        -- dates
        created_at,
        updated_at,

        -- lineage
        _is_gone as is_deleted,
        _changed_batch as _batch,
        _changed_at as _extracted_at,
        _values_at
    from source

)

select * from final
