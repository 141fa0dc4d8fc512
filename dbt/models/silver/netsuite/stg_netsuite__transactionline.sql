{{ config(unique_key=['transaction_id', 'line_id']) }}

with source as (

    {{ newest_delivered(source('netsuite', 'transactionline'), key=['transaction', 'id'], first_batch=true) }}

),

final as (

    select
        -- ids
        transaction as transaction_id,
        id as line_id,
        subsidiary as subsidiary_id,
        entity as entity_id,
        item as item_id,

        -- attributes
        memo,

        -- dates
        linelastmodifieddate as modified_at,

        -- amounts
        foreignamount as amount,
        netamount as net_amount,

        -- flags
        mainline as is_main_line,
        taxline as is_tax_line,

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
