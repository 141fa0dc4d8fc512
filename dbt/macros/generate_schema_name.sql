{# Models live in exactly the schema their folder names (silver, gold_candidate), whoever runs dbt. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
