{{ config(unique_key=['dispute_id']) }}

with source as (

    {{ newest_of_stripe('disputes') }}

),

final as (

    select
        -- ids
        source.id as dispute_id,
        source.charge as charge_id,
        source.balance_transaction as balance_transaction_id,
        source.payment_intent as payment_intent_id,

        -- attributes
        source.balance_transactions,
        source.status,
        source.reason,

        -- dates
        source.created as created_at,

        -- amounts
        upper(source.currency) as currency,
        source.amount as amount_minor,
        {{ minor_to_decimal('source.amount', 'source.minor_unit') }} as amount,

        -- flags
        source.is_charge_refundable,
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
