{{ config(unique_key=['allotment_id']) }}

with source as (

    {{ newest_extracted(source('app_db', 'allotments'), key=['id']) }}

),

final as (

    select
        -- ids
        id as allotment_id,
        org_id,
        budget_line_item_id,
        adjusts_id,

        -- attributes
        quarter,
        reference,

        -- dates
        entry_date,
        created_at,
        updated_at,

        -- amounts
        currency,
        amount,

        -- lineage
        _is_gone as is_deleted,
        _changed_batch as _batch,
        _changed_at as _extracted_at,
        _values_at
    from source

)

select * from final
