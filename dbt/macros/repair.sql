{# Rows of Bronze that Silver reads once more, however old they are: those of the keys that a repair has taken out of
   Silver (src/tieout/controls/repair.py). The variable `reread` has a condition for each Bronze table it is about. #}
{% macro or_repaired(relation) -%}
    {%- set condition = var('reread', {}).get(relation.identifier) -%}
    {%- if condition -%} or {{ condition }} {%- endif -%}
{%- endmacro %}
