{{ config(unique_key=['subsidiary_id']) }}

with source as (

    {{ newest_delivered(source('netsuite', 'subsidiary'), key=['id']) }}

),

final as (

    select
        -- ids
        id as subsidiary_id,
        currency as currency_id,
        parent as parent_subsidiary_id,

        -- attributes
        name,
        fullname as full_name,
        country,

        -- dates
        lastmodifieddate as modified_at,

        -- flags
        iselimination as is_elimination,

        -- lineage
        coalesce(deleted, false) as is_deleted,
        _batch,
        _extracted_at,
        _file,
        _line
    from source

)

select * from final
