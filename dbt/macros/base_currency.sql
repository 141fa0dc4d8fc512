{# An amount's worth in its organization's base currency: the columns, and the join they need.

   documents: CTE with org_id and currency; organizations and fx_rates (daily_fx_rates) are CTEs of the same query.
   A rate of an amount that is in base currency already is 1, its type `none`. Without a rate the base amounts are
   NULL and is_rate_missing is true: nothing is dropped, nothing is guessed. Each amount is converted by itself. #}
{% macro base_amounts(documents, on_date, rate_type, amounts) -%}
    {%- set is_base = documents ~ '.currency = organizations.base_currency' -%}
    {%- set rate = 'if(%s, cast(1 as decimal(20, 10)), fx_rates.fx_rate)' % is_base -%}
    organizations.base_currency,
    {{ rate }} as fx_rate,
    case when {{ is_base }} then 'none' when fx_rates.fx_rate is not null then '{{ rate_type }}' end as fx_rate_type,
    if({{ is_base }}, {{ on_date }}, fx_rates.fx_rate_date) as fx_rate_date,
    {%- for name, amount in amounts.items() %}
    {{ at_rate(amount, rate) }} as base_{{ name }},
    {%- endfor %}
    {{ rate }} is null as is_rate_missing
{%- endmacro %}


{% macro join_fx_rates(documents, on_date) -%}
    left join fx_rates
        on fx_rates.org_id = {{ documents }}.org_id
        and fx_rates.from_currency = {{ documents }}.currency
        and fx_rates.to_currency = organizations.base_currency
        and fx_rates.fx_day = {{ on_date }}
{%- endmacro %}
