{{ config(unique_key=['refund_id']) }}

with source as (

    {{ newest_of_stripe('refunds') }}

),

final as (

    select
        -- ids
        source.id as refund_id,
        source.charge as charge_id,
        source.balance_transaction as balance_transaction_id,
        source.failure_balance_transaction as failure_balance_transaction_id,
        source.payment_intent as payment_intent_id,

        -- attributes
        source.status,
        source.reason,
        source.metadata,

        -- dates
        source.created as created_at,

        -- amounts
        upper(source.currency) as currency,
        source.amount as amount_minor,
        {{ minor_to_decimal('source.amount', 'source.minor_unit') }} as amount,

        -- flags
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
