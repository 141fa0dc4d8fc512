{{ config(unique_key=['stripe_invoice_id']) }}

with source as (

    {{ newest_of_stripe('invoices') }}

),

final as (

    select
        -- ids
        source.id as stripe_invoice_id,
        source.customer as stripe_customer_id,
        source.charge as charge_id,

        -- attributes
        source.number as invoice_number,
        source.status,
        source.billing_reason,
        source.description,
        source.metadata,

        -- dates
        source.due_date as due_at,
        source.created as created_at,

        -- amounts
        upper(source.currency) as currency,
        source.subtotal as subtotal_minor,
        source.tax as tax_minor,
        source.total as total_minor,
        source.amount_due as amount_due_minor,
        source.amount_paid as amount_paid_minor,
        source.amount_remaining as amount_remaining_minor,
        {{ minor_to_decimal('source.subtotal', 'source.minor_unit') }} as subtotal,
        {{ minor_to_decimal('source.tax', 'source.minor_unit') }} as tax,
        {{ minor_to_decimal('source.total', 'source.minor_unit') }} as total,
        {{ minor_to_decimal('source.amount_due', 'source.minor_unit') }} as amount_due,
        {{ minor_to_decimal('source.amount_paid', 'source.minor_unit') }} as amount_paid,
        {{ minor_to_decimal('source.amount_remaining', 'source.minor_unit') }} as amount_remaining,

        -- flags
        source.is_currency_known,

        -- lineage
        coalesce(source.deleted, false) as is_deleted,
        source._batch,
        source._extracted_at,
        source._file,
        source._line
    from source

)

select * from final
