{{ config(unique_key=['bill_id']) }}

{{ settled_documents('ap') }}
