{{ config(unique_key=['account_id']) }}

with source as (

    {{ newest_delivered(source('netsuite', 'account'), key=['id']) }}

),

final as (

    select
        -- ids
        id as account_id,
        parent as parent_account_id,

        -- attributes
        acctnumber as account_number,
        accttype as account_type,
        fullname as full_name,

        -- dates
        lastmodifieddate as modified_at,

        -- flags
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
