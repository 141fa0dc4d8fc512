{# What settles invoices, one row an event: allocations of payments that succeeded, and issued credit notes.
     invoice_id, settled_on, is_allocation, allocated_amount, credited_amount

   as_of: a day (SQL); then only what had happened by it counts, and a payment reversed later still counts. #}
{% macro ar_settlements(as_of=none) %}
    select
        allocations.invoice_id,
        allocations.allocated_on as settled_on,
        true as is_allocation,
        cast(allocations.amount as decimal(38, 4)) as allocated_amount,
        cast(0 as decimal(38, 4)) as credited_amount
    from {{ ref('stg_app_db__payment_allocations') }} as allocations
    inner join {{ ref('stg_app_db__payments') }} as payments
        on payments.payment_id = allocations.payment_id
    where allocations.invoice_id is not null
        and not allocations.is_deleted
        and not payments.is_deleted
        {%- if as_of %}
        and allocations.allocated_on <= {{ as_of }}
        and (payments.status = 'succeeded' or (payments.status = 'reversed' and payments.reversed_on > {{ as_of }}))
        {%- else %}
        and payments.status = 'succeeded'
        {%- endif %}

    union all

    select
        invoice_id,
        issued_on as settled_on,
        false as is_allocation,
        cast(0 as decimal(38, 4)) as allocated_amount,
        cast(amount as decimal(38, 4)) as credited_amount
    from {{ ref('stg_app_db__credit_notes') }}
    where invoice_id is not null
        and not is_deleted
        and status = 'issued'
        {%- if as_of %}
        and issued_on <= {{ as_of }}
        {%- endif %}
{% endmacro %}
