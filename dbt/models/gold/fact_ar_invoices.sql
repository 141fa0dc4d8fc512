{{ config(unique_key=['invoice_id'], meta={'changed_keys': 'changed_ar_invoices'}) }}

{{ settled_documents('ar') }}
