{{ config(unique_key=['disbursement_id']) }}

with source as (

    {{ newest_extracted(source('app_db', 'disbursements'), key=['id']) }}

),

final as (

    select
        -- ids
        id as disbursement_id,
        org_id,
        obligation_id,
        adjusts_id,

        -- attributes
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
