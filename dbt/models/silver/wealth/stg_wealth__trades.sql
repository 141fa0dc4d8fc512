{{ config(unique_key=['org_id', 'trade_number']) }}

with source as (

    {{ newest_delivered(source('wealth', 'trades'), key=['org_id', 'trade_number']) }}

),

final as (

    select
        -- ids
        org_id,
        trade_number,

        -- attributes
        portfolio,
        account,
        symbol,
        trade_type,
        split_new,
        split_old,

        -- dates
        traded_at,

        -- quantities
        quantity,
        fee_quantity,

        -- amounts
        upper(currency) as currency,
        price,
        amount,
        fee_amount,

        -- lineage
        false as is_deleted,
        _batch,
        _extracted_at,
        _file,
        _line
    from source

)

select * from final
