{{ config(unique_key=['payout_id', 'balance_transaction_id']) }}

with source as (

    {{ newest_delivered(source('stripe', 'payout_balance_transactions'), key=['payout', 'balance_transaction']) }}

),

final as (

    select
        -- ids
        payout as payout_id,
        balance_transaction as balance_transaction_id,

        -- lineage
        false as is_deleted,
        _batch,
        _extracted_at,
        _file,
        _line
    from source

)

select * from final
