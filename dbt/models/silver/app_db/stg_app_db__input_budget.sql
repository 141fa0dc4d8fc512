{{ config(unique_key=['entry_id']) }}

with source as (

    {{ newest_extracted(source('app_db', 'input_budget'), key=['entry_id']) }}

),

final as (

    select
        -- ids
        entry_id,
        org_id,
        account_id,

        -- attributes
        scenario,
        who,

        -- dates
        budget_month,
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
