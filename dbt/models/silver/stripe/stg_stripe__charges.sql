{{ config(unique_key=['charge_id']) }}

with source as (

    {{ newest_of_stripe('charges') }}

),

final as (

    select
        -- ids
        source.id as charge_id,
        source.balance_transaction as balance_transaction_id,
        source.customer as stripe_customer_id,
        source.payment_intent as payment_intent_id,

        -- attributes
        source.status,
        source.failure_code,
        source.description,
        source.metadata,

        -- dates
        source.created as created_at,

        -- amounts
        upper(source.currency) as currency,
        source.amount as amount_minor,
        source.amount_refunded as amount_refunded_minor,
        {{ minor_to_decimal('source.amount', 'source.minor_unit') }} as amount,
        {{ minor_to_decimal('source.amount_refunded', 'source.minor_unit') }} as amount_refunded,

        -- flags
        source.paid as is_paid,
        source.refunded as is_refunded,
        source.disputed as is_disputed,
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
