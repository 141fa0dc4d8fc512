{{ config(unique_key=['allocation_id'], properties=by_year('created_at')) }}

with source as (

    {{ newest_extracted(source('app_db', 'payment_allocations'), key=['id']) }}

),

final as (

    select
        -- ids
        id as allocation_id,
        org_id,
        payment_id,
        ar_invoice_id as invoice_id,
        ap_bill_id as bill_id,

        -- dates
        allocated_on,
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
