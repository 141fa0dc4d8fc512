{{ config(unique_key=['transaction_id']) }}

with source as (

    {{ newest_delivered(source('netsuite', 'transaction'), key=['id'], first_batch=true) }}

),

final as (

    select
        -- ids
        id as transaction_id,
        externalid as external_id,
        currency as currency_id,
        entity as entity_id,
        postingperiod as posting_period_id,

        -- attributes
        transactionnumber as transaction_number,
        type as transaction_type,
        status,
        memo,

        -- dates
        trandate as transaction_date,
        createddate as created_at,
        duedate as due_date,
        closedate as closed_date,

        -- flags
        posting as is_posting,

        -- lineage
        coalesce(deleted, false) as is_deleted,
        _batch,
        _extracted_at,
        _file,
        _line,
        _first_batch
    from source

)

select * from final
