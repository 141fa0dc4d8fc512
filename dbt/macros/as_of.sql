{# The batch's day as text. It has no default: a day that nobody asked for would be rewritten without a word. #}
{% macro as_of() -%}
    {%- if execute and not var('as_of', none) -%}
        {{ exceptions.raise_compiler_error(
            "as_of is missing: name the batch's day, as in --vars '{as_of: 2026-11-20}'"
        ) }}
    {%- endif -%}
    {{ var('as_of', '1970-01-01') }}
{%- endmacro %}


{# The newest day ever loaded. Facts about the current state are as of it, so that an older day's rerun does not
   take them back. #}
{% macro newest_loaded_day() -%}
    select greatest(coalesce(max(batch), date '{{ as_of() }}'), date '{{ as_of() }}') as as_of_date
    from {{ source('ops', 'table_outcomes') }}
    where status = 'loaded'
{%- endmacro %}
