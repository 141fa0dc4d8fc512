{{ config(unique_key=['bank_transaction_id'], properties=by_year('created_at')) }}

with source as (

    {{ newest_extracted(source('app_db', 'bank_transactions'), key=['id']) }}

),

final as (

    select
        -- ids
        id as bank_transaction_id,
        org_id,
        bank_account_id,
        payment_id,
        transfer_group_id,

        -- attributes
        counterparty,
        description,

        -- dates
        booked_on,
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
