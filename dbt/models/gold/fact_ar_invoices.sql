{{ config(unique_key=['invoice_id']) }}

{{ settled_documents('ar') }}
