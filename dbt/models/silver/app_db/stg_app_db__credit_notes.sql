{{ config(unique_key=['credit_note_id'], properties=by_year('created_at')) }}

with source as (

    {{ newest_extracted(source('app_db', 'credit_notes'), key=['id']) }}

),

final as (

    select
        -- ids
        id as credit_note_id,
        org_id,
        ar_invoice_id as invoice_id,
        ap_bill_id as bill_id,

        -- attributes
        credit_note_number,
        status,
        reason,

        -- dates
        issued_on,
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
