{# Receivables (ar) and payables (ap) are one set of rules under two sets of names. #}
{% macro subledger(side) %}
    {{ return({
        'ar': {
            'documents': 'stg_app_db__ar_invoices', 'id': 'invoice_id', 'number': 'invoice_number',
            'party': 'customer_id', 'dated': 'invoice_date', 'type': 'ar_invoice',
            'settled_rate': 'collection_rate', 'settled_days': 'days_to_collect', 'fact': 'fact_ar_invoices',
        },
        'ap': {
            'documents': 'stg_app_db__ap_bills', 'id': 'bill_id', 'number': 'bill_number',
            'party': 'supplier_id', 'dated': 'bill_date', 'type': 'ap_bill',
            'settled_rate': 'payment_rate', 'settled_days': 'days_to_pay', 'fact': 'fact_ap_bills',
        },
    }[side]) }}
{% endmacro %}


{# What settles a side's documents, one row an event: allocations of payments that succeeded or were reversed, and
   issued credit notes.
     settlement_id, document_id, org_id, currency, settled_on
     settled_by, settled_by_id             payment or credit_note, and which
     allocated_amount, credited_amount     what counts; reversed_amount: what an allocation no longer does
     reversed_on                           day of the payment's reversal

   since: what last_built() gave; then only what settles documents of the model's changed keys is there. #}
{% macro settlements(side, since=none) %}
    {%- set names = subledger(side) -%}
    {%- set is_reversed = "payments.status = 'reversed'" %}
    select
        allocations.allocation_id as settlement_id,
        allocations.{{ names.id }} as document_id,
        allocations.org_id,
        allocations.currency,
        allocations.allocated_on as settled_on,
        'payment' as settled_by,
        allocations.payment_id as settled_by_id,
        cast(if({{ is_reversed }}, 0, allocations.amount) as decimal(38, 4)) as allocated_amount,
        cast(0 as decimal(38, 4)) as credited_amount,
        cast(if({{ is_reversed }}, allocations.amount, 0) as decimal(38, 4)) as reversed_amount,
        payments.reversed_on
    from {{ ref('stg_app_db__payments') }} as payments
    inner join {{ ref('stg_app_db__payment_allocations') }} as allocations
        on allocations.payment_id = payments.payment_id
    where allocations.{{ names.id }} is not null
        and not allocations.is_deleted
        and not payments.is_deleted
        and payments.status in ('succeeded', 'reversed')
        {{ and_changed('allocations.' ~ names.id, since) }}

    union all

    select
        credit_note_id,
        {{ names.id }},
        org_id,
        currency,
        issued_on,
        'credit_note',
        credit_note_id,
        cast(0 as decimal(38, 4)),
        cast(amount as decimal(38, 4)),
        cast(0 as decimal(38, 4)),
        cast(null as date)
    from {{ ref('stg_app_db__credit_notes') }}
    where {{ names.id }} is not null
        and not is_deleted
        and status = 'issued'
        {{ and_changed(names.id, since) }}
{% endmacro %}


{# Everything that had moved a side's debts by a day, one row an event: documents and their settlements.
     document_id, org_id, currency         the invoice or bill that is moved
     posted_type, posted_id                what the ledger posts it for: the document, a payment or a credit note
     total_amount, allocated_amount, credited_amount; debt_amount = total - allocated - credited

   A settlement is here whatever became of its document: what settles a void, or a document not yet due to count,
   stands to the party's credit. A payment that was reversed later still counts. A void without its day is taken as
   never owed.

   among: a query of document ids; then only what moves those is there. #}
{% macro subledger_movements(side, as_of, among=none) %}
    {%- set names = subledger(side) -%}
    {%- set counted = 'if(effective_amount > 0 or reversed_on > ' ~ as_of ~ ', amount, 0)' -%}
    select
        {{ names.id }} as document_id,
        org_id,
        currency,
        '{{ names.type }}' as posted_type,
        {{ names.id }} as posted_id,
        cast(total_amount as decimal(38, 4)) as total_amount,
        cast(0 as decimal(38, 4)) as allocated_amount,
        cast(0 as decimal(38, 4)) as credited_amount,
        cast(total_amount as decimal(38, 4)) as debt_amount
    from {{ ref(names.documents) }}
    where not is_deleted
        and status <> 'draft'
        and {{ names.dated }} <= {{ as_of }}
        and (status <> 'void' or voided_on > {{ as_of }})
        {%- if among %}
        and {{ names.id }} in ({{ among }})
        {%- endif %}

    union all

    select
        {{ names.id }},
        org_id,
        currency,
        settled_by,
        coalesce(payment_id, settlement_id),
        cast(0 as decimal(38, 4)),
        if(settled_by = 'payment', {{ counted }}, 0),
        if(settled_by = 'credit_note', {{ counted }}, 0),
        -{{ counted }}
    from {{ ref('fact_settlements') }}
    where {{ names.id }} is not null
        and settled_on <= {{ as_of }}
        {%- if among %}
        and {{ names.id }} in ({{ among }})
        {%- endif %}
{% endmacro %}


{# Ids of a side's documents whose debt by a day need not be zero. Of the others the fact tells that they were issued and
   settled to the cent by then: of a long history that is nearly all of them, and their movements need not be read.
   Amounts that settle are above zero, so what came to the cent on a day had nothing after it. #}
{% macro unsettled_documents(side, as_of) %}
    {%- set names = subledger(side) %}
    select {{ names.id }}
    from {{ ref(names.fact) }}
    where remaining_amount <> 0
        or overpaid_amount <> 0
        or reversed_amount <> 0
        or status = 'void'
        or fully_settled_on is null
        or fully_settled_on > {{ as_of }}
        or {{ names.dated }} > {{ as_of }}

    union all

    -- the fact has no drafts and no deleted documents; what settles one is a credit all the same
    select {{ names.id }}
    from {{ ref(names.documents) }}
    where is_deleted or status = 'draft'
{% endmacro %}
