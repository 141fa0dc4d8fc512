{{ config(unique_key=['budget_line_item_id']) }}

with source as (

    {{ newest_extracted(source('app_db', 'budget_line_items'), key=['id']) }}

),

final as (

    select
        -- ids
        id as budget_line_item_id,
        org_id,
        program_budget_id,
        account_id,
        adjusts_id,

        -- attributes
        line_number,
        description,

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
