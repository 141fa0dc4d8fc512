{# Days of the trailing window of flow KPIs (setting TIEOUT_KPI_WINDOW_DAYS). #}
{% macro kpi_window_days() -%}
    {{ env_var('TIEOUT_KPI_WINDOW_DAYS', '90') | int }}
{%- endmacro %}


{# Whether a date is in the window: that many days, the as-of date being the last. #}
{% macro in_kpi_window(on_date, as_of_date) -%}
    {{ on_date }} > {{ as_of_date }} - interval '{{ kpi_window_days() }}' day and {{ on_date }} <= {{ as_of_date }}
{%- endmacro %}


{# Whether an invoice or bill counted at the end of a day: it was not void, or was voided later. #}
{% macro stood_on(document, as_of_date) -%}
    ({{ document }}.status <> 'void' or {{ document }}.voided_on > {{ as_of_date }})
{%- endmacro %}


{# The sum of one of the parts a KPI is made from; NULL if one of them has no rate, zero if there is none. #}
{% macro sum_of_part(part) -%}
    if(
        count_if(part = '{{ part }}' and amount is null) = 0,
        coalesce(sum(amount) filter (where part = '{{ part }}'), 0)
    ) as {{ part }}
{%- endmacro %}


{# Days that a balance stands for, at the window's flow; NULL when nothing flowed. #}
{% macro days_of(balance, flow) -%}
    {{ ratio(balance ~ ' * ' ~ kpi_window_days(), flow) }}
{%- endmacro %}
