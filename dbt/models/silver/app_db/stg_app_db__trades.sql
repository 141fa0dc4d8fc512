{{ config(unique_key=['trade_id']) }}

with source as (

    {{ newest_extracted(source('app_db', 'trades'), key=['id']) }}

),

final as (

    select
        -- ids
        id as trade_id,
        org_id,
        trade_number,
        instrument_id,

        -- attributes
        portfolio,
        account,
        trade_type,
        split_new,
        split_old,

        -- dates
        traded_at,
        created_at,
        updated_at,

        -- quantities
        quantity,
        fee_quantity,

        -- amounts
        currency,
        price,
        amount,
        fee_amount,

        -- lineage
        _is_gone as is_deleted,
        _changed_batch as _batch,
        _changed_at as _extracted_at,
        _values_at
    from source

)

select * from final
