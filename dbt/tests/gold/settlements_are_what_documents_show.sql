-- Document by document, the settlements that count sum to what was allocated and credited, and no settlement's document
-- is missing.
select
    coalesce(settlements.document_id, documents.document_id) as document_id,
    settlements.amount,
    documents.amount as shown_amount
from (
    select coalesce(invoice_id, bill_id) as document_id, sum(effective_amount) as amount, sum(amount) as ever
    from {{ ref('fact_settlements') }}
    group by coalesce(invoice_id, bill_id)
) as settlements
full join (
    select
        invoice_id as document_id,
        allocated_amount + credited_amount as amount,
        allocated_amount + credited_amount + reversed_amount as ever
    from {{ ref('fact_ar_invoices') }}

    union all

    select bill_id, allocated_amount + credited_amount, allocated_amount + credited_amount + reversed_amount
    from {{ ref('fact_ap_bills') }}
) as documents on documents.document_id = settlements.document_id
where coalesce(settlements.amount, 0) <> coalesce(documents.amount, 0)
    or coalesce(settlements.ever, 0) <> coalesce(documents.ever, 0)
