{{ config(unique_key=['invoice_id'], properties=by_year('created_at')) }}

with source as (

    {{ newest_extracted(source('app_db', 'ar_invoices'), key=['id']) }}

),

final as (

    select
        -- ids
        id as invoice_id,
        org_id,
        customer_id,

        -- attributes
        invoice_number,
        status,
        memo,

        -- dates
        invoice_date,
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
