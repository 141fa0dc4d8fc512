{{ config(unique_key=['org_id', 'transaction_number']) }}

with source as (

    {{ newest_delivered(source('wealth', 'transactions'), key=['org_id', 'transaction_number']) }}

),

final as (

    select
        -- ids
        org_id,
        transaction_number,

        -- attributes
        portfolio,
        account,
        symbol,
        transaction_type,
        description,

        -- dates
        booked_on,

        -- amounts
        upper(currency) as currency,
        amount,

        -- lineage
        false as is_deleted,
        _batch,
        _extracted_at,
        _file,
        _line
    from source

)

select * from final
