{# What keeps a test from passing: currencies in which payments of a direction say they settled something other than
   what the documents say was settled. #}
{% macro settled_amounts_that_differ(direction, documents) %}
select *
from (
    select currency, sum(allocated_amount) as allocated
    from {{ ref('fact_payments') }}
    where direction = '{{ direction }}'
    group by currency
) as payments
full join (
    select currency, sum(allocated_amount) as allocated
    from {{ documents }}
    group by currency
) as documents on documents.currency = payments.currency
where coalesce(documents.allocated, 0) <> coalesce(payments.allocated, 0)
{% endmacro %}
