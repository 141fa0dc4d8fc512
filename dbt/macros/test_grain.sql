{# One row per key, and no part of a key is NULL: in one pass over the key columns. #}
{% test grain(model, key) %}
    select {{ key | join(', ') }}, count(*) as rows
    from {{ model }}
    group by {{ key | join(', ') }}
    having count(*) > 1
        {%- for column in key %} or {{ column }} is null{% endfor %}
{% endtest %}
