{# A plan's scenario as Gold names it: Budget and Forecast however they are written, anything else as it came. #}
{% macro scenario_name(scenario) -%}
    case lower(trim({{ scenario }}))
        when 'budget' then 'Budget'
        when 'forecast' then 'Forecast'
        else trim({{ scenario }})
    end
{%- endmacro %}


{# An amount signed debit positive as a reader expects it: revenue, liabilities and equity positive, and what reduces
   them negative. NULL where the account is unknown. #}
{% macro presented(amount, account_type) -%}
    case
        when {{ account_type }} in ('asset', 'expense') then {{ amount }}
        when {{ account_type }} in ('revenue', 'liability', 'equity') then -{{ amount }}
    end
{%- endmacro %}
