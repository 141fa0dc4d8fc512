{{ config(unique_key=['payment_id'], properties=by_year('created_at')) }}

with source as (

    {{ newest_extracted(source('app_db', 'payments'), key=['id']) }}

),

final as (

    select
        -- ids
        id as payment_id,
        org_id,
        customer_id,
        supplier_id,
        bank_account_id,

        -- attributes
        direction,
        status,
        processor,
        processor_reference,
        failure_reason,

        -- dates
        payment_date,
        reversed_on,
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
