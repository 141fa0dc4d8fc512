{# dbt's own test, in whose place this one stands, of untested rows alone (macros/untested.sql). #}
{% macro trino__test_accepted_values(model, column_name, values, quote=true) %}
    {%- set since = untested_since(model) %}
    select {{ column_name }} as value_field, count(*) as n_records
    from {{ model }} as tested
    where {{ column_name }} not in (
        {%- for value in values %}{{ "'" ~ value ~ "'" if quote else value }}{{ ', ' if not loop.last }}{% endfor -%}
    )
    {%- if since %} and {{ is_changed('tested', since) }}{% endif %}
    group by {{ column_name }}
{% endmacro %}
