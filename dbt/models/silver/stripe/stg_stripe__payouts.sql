{{ config(unique_key=['payout_id']) }}

with source as (

    {{ newest_of_stripe('payouts') }}

),

final as (

    select
        -- ids
        source.id as payout_id,
        source.balance_transaction as balance_transaction_id,
        source.failure_balance_transaction as failure_balance_transaction_id,
        source.original_payout as original_payout_id,
        source.reversed_by as reversed_by_id,

        -- attributes
        source.status,
        source.method,
        source.failure_code,
        source.metadata,

        -- dates
        source.arrival_date as arrives_at,
        source.created as created_at,

        -- amounts
        upper(source.currency) as currency,
        source.amount as amount_minor,
        {{ minor_to_decimal('source.amount', 'source.minor_unit') }} as amount,

        -- flags
        source.automatic as is_automatic,
        source.is_currency_known,

        -- lineage
        false as is_deleted,
        source._batch,
        source._extracted_at,
        source._file,
        source._line
    from source

)

select * from final
