{{ config(
    unique_key=['as_of_date', 'invoice_id'],
    meta={'rewrites_day': 'as_of_date'},
    full_refresh=false,
    properties={'partitioning': "array['month(as_of_date)']"},
) }}
{# full_refresh=false: a rebuild knows its own day only and would lose the others; it rewrites its day instead #}

{{ aging('ar', "date '" ~ as_of() ~ "'") }}
