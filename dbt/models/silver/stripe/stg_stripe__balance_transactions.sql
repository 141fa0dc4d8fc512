{{ config(unique_key=['balance_transaction_id']) }}

with source as (

    {{ newest_delivered(source('stripe', 'balance_transactions'), key=['id'], waiting='not is_currency_known') }}

),

currencies as (

    select currency_code, minor_unit
    from {{ ref('stg_app_db__currencies') }}
    where not is_deleted

),

final as (

    select
        -- ids
        source.id as balance_transaction_id,
        source.source as source_id,

        -- attributes
        source.type,
        source.reporting_category,
        source.status,
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
        {{ minor_to_decimal('source.amount', 'currencies.minor_unit') }} as amount,
        {{ minor_to_decimal('source.fee', 'currencies.minor_unit') }} as fee,
        {{ minor_to_decimal('source.net', 'currencies.minor_unit') }} as net,

        -- flags
        currencies.currency_code is not null as is_currency_known,

        -- lineage
        false as is_deleted,
        source._batch,
        source._extracted_at,
        source._file,
        source._line
    from source
    left join currencies on currencies.currency_code = upper(source.currency)

)

select * from final
