{{ config(unique_key=['program_budget_id']) }}

with source as (

    {{ newest_extracted(source('app_db', 'program_budgets'), key=['id']) }}

),

final as (

    select
        -- ids
        id as program_budget_id,
        org_id,

        -- attributes
        program_code,
        name,
        fiscal_year,
        currency,

        -- dates
        adopted_on,
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
