{{ config(
    unique_key=['invoice_id'],
    meta={'changed_keys': 'changed_ar_invoices'},
    properties=by_year('invoice_date'),
    post_hook='{{ age_open_documents() }}',
) }}

{{ settled_documents('ar') }}
