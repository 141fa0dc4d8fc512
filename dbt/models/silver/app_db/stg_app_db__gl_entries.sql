{{ config(unique_key=['gl_entry_id'], properties=by_year('created_at')) }}

with source as (

    {{ newest_extracted(source('app_db', 'gl_entries'), key=['id']) }}

),

final as (

    select
        -- ids
        id as gl_entry_id,
        org_id,
        journal_id,
        account_id,
        document_id,

        -- attributes
        document_type,
        memo,

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
