{{ config(unique_key=['bill_id'], properties=by_year('created_at')) }}

with source as (

    {{ newest_extracted(source('app_db', 'ap_bills'), key=['id']) }}

),

final as (

    select
        -- ids
        id as bill_id,
        org_id,
        supplier_id,

        -- attributes
        bill_number,
        status,
        memo,

        -- dates
        bill_date,
        due_date,
        voided_on,
        created_at,
        updated_at,

        -- amounts
        currency,
        subtotal_amount,
        tax_amount,
        total_amount,

        -- flags
        is_disputed,

        -- lineage
        _is_gone as is_deleted,
        _changed_batch as _batch,
        _changed_at as _extracted_at,
        _values_at
    from source

)

select * from final
