{# An identity that holds on every row; a row on which it is unknown (NULL) breaks it too. #}
{% test holds(model, condition) %}
    {%- set since = untested_since(model) %}
    select *
    from {{ model }} as tested
    where not coalesce({{ condition }}, false)
    {%- if since %} and {{ is_changed('tested', since) }}{% endif %}
{% endtest %}
