{{ config(unique_key=['balance_transaction_id']) }}

with source as (

    {{ newest_of_stripe('balance_transactions', first_batch=true) }}

),

final as (

    select
        -- ids
        source.id as balance_transaction_id,
        source.source as source_id,
        source.payout_id,

        -- attributes
        source.type,
        source.reporting_category,
        source.status,
        source.fee_details,
        source.description,

        -- dates
        source.created as created_at,
        source.available_on as available_at,

        -- amounts
        upper(source.currency) as currency,
        source.amount as amount_minor,
        source.fee as fee_minor,
        source.net as net_minor,
        source.exchange_rate,
        {{ minor_to_decimal('source.amount', 'source.minor_unit') }} as amount,
        {{ minor_to_decimal('source.fee', 'source.minor_unit') }} as fee,
        {{ minor_to_decimal('source.net', 'source.minor_unit') }} as net,

        -- flags
        source.is_currency_known,

        -- lineage
        false as is_deleted,
        source._batch,
        source._extracted_at,
        source._file,
        source._line,
        source._first_batch
    from source

)

select * from final
