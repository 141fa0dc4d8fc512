{{ config(unique_key=['bill_id'], meta={'changed_keys': 'changed_ap_bills'}) }}

{{ settled_documents('ap') }}
