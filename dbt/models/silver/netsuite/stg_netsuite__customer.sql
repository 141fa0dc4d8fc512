{{ config(unique_key=['customer_id']) }}

with source as (

    {{ newest_delivered(source('netsuite', 'customer'), key=['id']) }}

),

final as (

    select
        -- ids
        id as customer_id,
        currency as currency_id,
        externalid as external_id,

        -- attributes
        entityid as entity_name,
        companyname as company_name,
        email,

        -- dates
        datecreated as created_at,
        lastmodifieddate as modified_at,

        -- flags
        isperson as is_person,
        isinactive as is_inactive,

        -- lineage
        coalesce(deleted, false) as is_deleted,
        _batch,
        _extracted_at,
        _file,
        _line
    from source

)

select * from final
