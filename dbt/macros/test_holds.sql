{# An identity that holds on every row; a row on which it is unknown (NULL) breaks it too. #}
{% test holds(model, condition) %}
    select * from {{ model }} where not coalesce({{ condition }}, false)
{% endtest %}
