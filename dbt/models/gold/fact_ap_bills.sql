{{ config(
    unique_key=['bill_id'],
    meta={'changed_keys': 'changed_ap_bills'},
    properties=by_year('bill_date'),
    post_hook='{{ age_open_documents() }}',
) }}

{{ settled_documents('ap') }}
