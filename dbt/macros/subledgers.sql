{# Receivables (ar) and payables (ap) are one set of rules under two sets of names. #}
{% macro subledger(side) %}
    {{ return({
        'ar': {
            'documents': 'stg_app_db__ar_invoices', 'id': 'invoice_id', 'number': 'invoice_number',
            'party': 'customer_id', 'dated': 'invoice_date', 'type': 'ar_invoice',
            'settled_rate': 'collection_rate', 'settled_days': 'days_to_collect',
            'issued_as': 'issued', 'fact': 'fact_ar_invoices', 'aging': 'fact_ar_aging',
        },
        'ap': {
            'documents': 'stg_app_db__ap_bills', 'id': 'bill_id', 'number': 'bill_number',
            'party': 'supplier_id', 'dated': 'bill_date', 'type': 'ap_bill',
            'settled_rate': 'payment_rate', 'settled_days': 'days_to_pay',
            'issued_as': 'approved', 'fact': 'fact_ap_bills', 'aging': 'fact_ap_aging',
        },
    }[side]) }}
{% endmacro %}


{# A condition on a side's documents: they are no drafts. Of three statuses two are named, not the third refused,
   because Trino takes rows by a list of keys only where the other conditions are no `<>` and no `not`: hence also
   `is_deleted = false` everywhere. Were there a fourth, the identity `invoices` or `bills` would drift. #}
{% macro is_issued(side) -%}
    status in ('{{ subledger(side).issued_as }}', 'void')
{%- endmacro %}


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
        and allocations.is_deleted = false
        and payments.is_deleted = false
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
        and is_deleted = false
        and status = 'issued'
        {{ and_changed(names.id, since) }}
{% endmacro %}


{# Everything that had moved a side's debts by a day, one row an event: documents and their settlements.
     org_id, currency
     posted_type, posted_id                what the ledger posts it for: the document, a payment or a credit note
     debt_amount                           what it adds to the debt, below zero where it settles

   A settlement is here whatever became of its document: what settles a void, or a document not yet due to count,
   stands to the party's credit. A payment that was reversed later still counts. A void without its day is taken as
   never owed. #}
{% macro subledger_movements(side, as_of) %}
    {%- set names = subledger(side) -%}
    select
        org_id,
        currency,
        '{{ names.type }}' as posted_type,
        {{ names.id }} as posted_id,
        cast({{ owed_amount(as_of) }} as decimal(38, 4)) as debt_amount
    from {{ ref(names.documents) }}
    where is_deleted = false
        and {{ is_issued(side) }}
        and {{ names.dated }} <= {{ as_of }}

    union all

    select
        org_id,
        currency,
        settled_by,
        coalesce(payment_id, settlement_id),
        -{{ counted_amount(as_of) }}
    from {{ ref('fact_settlements') }}
    where {{ names.id }} is not null
        and settled_on <= {{ as_of }}
{% endmacro %}


{# What some of a side's documents owed at the end of a day, one row a document, as a whole query: the columns of the
   side's fact, and allocated_by_then, credited_by_then, remaining_by_then, which is below zero where more was paid than
   was owed. Drafts and deleted documents are not in the fact; settlements_are_what_documents_show fails when anything
   settles one.

   among: a condition on the fact. #}
{% macro balances_by(side, as_of, among) %}
    {%- set names = subledger(side) %}
    with documents as (

        select
            *,
            cast(
                if({{ names.dated }} <= {{ as_of }}, {{ owed_amount(as_of) }}, 0) as decimal(38, 4)
            ) as owed_by_then
        from {{ ref(names.fact) }}
        where {{ among }}

    ),

    settled as (

        select
            {{ names.id }},
            sum(if(settled_by = 'payment', {{ counted_amount(as_of) }}, 0)) as allocated_by_then,
            sum(if(settled_by = 'credit_note', {{ counted_amount(as_of) }}, 0)) as credited_by_then
        from {{ ref('fact_settlements') }}
        where settled_on <= {{ as_of }}
            and {{ names.id }} in (select {{ names.id }} from documents)
        group by {{ names.id }}

    )

    select
        documents.*,
        coalesce(settled.allocated_by_then, 0) as allocated_by_then,
        coalesce(settled.credited_by_then, 0) as credited_by_then,
        documents.owed_by_then - coalesce(settled.allocated_by_then, 0)
        - coalesce(settled.credited_by_then, 0) as remaining_by_then
    from documents
    left join settled on settled.{{ names.id }} = documents.{{ names.id }}
{% endmacro %}


{# What a document owes as of a day before anything settles it; a void without its day is taken as never owed. #}
{% macro owed_amount(as_of) -%}
    if(status = 'void' and coalesce(voided_on <= {{ as_of }}, true), 0, total_amount)
{%- endmacro %}


{# What a row of fact_settlements settled as of a day, of which it is settled_on or later: a payment that was reversed
   later still counts. #}
{% macro counted_amount(as_of) -%}
    if(effective_amount > 0 or reversed_on > {{ as_of }}, amount, 0)
{%- endmacro %}


{# A condition on a side's fact: that a document's debt by a day need not be zero. Of the others the fact tells that
   they were issued and settled to the cent by then: of a long history that is nearly all of them. Amounts that settle
   are above zero, so what came to the cent on a day had nothing after it. #}
{% macro may_be_unsettled(side, as_of) -%}
    (
        remaining_amount <> 0
        or overpaid_amount <> 0
        or reversed_amount <> 0
        or status = 'void'
        or fully_settled_on is null
        or fully_settled_on > {{ as_of }}
        or {{ subledger(side).dated }} > {{ as_of }}
    )
{%- endmacro %}


{# The same for documents that may have been settled beyond what they owed by a day. Of all others no settlement was
   reversed, so what counted by then still counts, and is no more than what they owe. #}
{% macro may_be_overpaid(side, as_of) -%}
    (
        overpaid_amount <> 0
        or reversed_amount <> 0
        or status = 'void'
        or {{ subledger(side).dated }} > {{ as_of }}
    )
{%- endmacro %}
