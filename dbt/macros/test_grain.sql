{# One row per key, and no part of a key is NULL: in one pass over the key columns, or where rows have been tested
   before, over those of the keys that were written since. #}
{% test grain(model, key) %}
    {%- set columns = key | join(', ') -%}
    {%- set since = untested_since(model) %}
    select {{ columns }}, count(*) as rows
    from {{ model }}
    {%- if since %}
    where ({{ columns }}) in (select {{ columns }} from {{ model }} as written where {{ is_changed('written', since) }})
    {%- endif %}
    group by {{ columns }}
    having count(*) > 1
    {%- if since %}

    union all

    select {{ columns }}, 1 as rows
    from {{ model }} as written
    where {{ is_changed('written', since) }} and ({% for column in key %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %})
    {%- else %}
        {%- for column in key %} or {{ column }} is null{% endfor %}
    {%- endif %}
{% endtest %}
