{# Internal id of NetSuite's primary accounting book; it is 1 in every account. #}
{% macro primary_book() -%} 1 {%- endmacro %}


{# What an accounting line posts, debit positive: its amount, else its debit less its credit; NULL where all three are
   empty, which is a line that carries no money and not one of zero. #}
{% macro posted_amount(lines) -%}
    coalesce(
        {{ lines }}.amount,
        if(
            {{ lines }}.debit_amount is not null or {{ lines }}.credit_amount is not null,
            coalesce({{ lines }}.debit_amount, 0) - coalesce({{ lines }}.credit_amount, 0)
        )
    )
{%- endmacro %}
