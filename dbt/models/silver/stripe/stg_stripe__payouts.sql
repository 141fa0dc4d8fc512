{{ config(unique_key=['payout_id']) }}

with source as (

    {{ newest_delivered(source('stripe', 'payouts'), key=['id'], waiting='not is_currency_known') }}

),

currencies as (

    select currency_code, minor_unit
    from {{ ref('stg_app_db__currencies') }}
    where not is_deleted

),

final as (

    select
        -- ids
        source.id as payout_id,
        source.balance_transaction as balance_transaction_id,

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
        {{ minor_to_decimal('source.amount', 'currencies.minor_unit') }} as amount,

        -- flags
        source.automatic as is_automatic,
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
