{{ config(unique_key=['stripe_customer_id']) }}

with source as (

    {{ newest_of_stripe('customers') }}

),

final as (

    select
        -- ids
        source.id as stripe_customer_id,

        -- attributes
        source.name as customer_name,
        source.email,
        source.description,
        source.metadata,

        -- dates
        source.created as created_at,

        -- amounts
        upper(source.currency) as currency,
        source.balance as balance_minor,
        {{ minor_to_decimal('source.balance', 'source.minor_unit') }} as balance,

        -- flags
        source.delinquent as is_delinquent,
        source.currency is null or source.is_currency_known as is_currency_known,

        -- lineage
        coalesce(source.deleted, false) as is_deleted,
        source._batch,
        source._extracted_at,
        source._file,
        source._line
    from source

)

select * from final
