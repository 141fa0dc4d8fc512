{# Every formula on money is written once, here. Numerators are cast before dividing: Trino's decimal division keeps
   the operands' scale and loses digits without a word. #}


{# Minor units to an exact decimal: 1234 with 2 digits is 12.3400. NULL when the digits are unknown. #}
{% macro minor_to_decimal(minor, digits) -%}
    cast(
        case {{ digits }}
            when 0 then cast({{ minor }} as decimal(19, 4))
            when 1 then cast({{ minor }} as decimal(24, 5)) / 10
            when 2 then cast({{ minor }} as decimal(24, 5)) / 100
            when 3 then cast({{ minor }} as decimal(24, 5)) / 1000
            when 4 then cast({{ minor }} as decimal(24, 5)) / 10000
        end as decimal(19, 4)
    )
{%- endmacro %}


{# The digits that Stripe's minor units have: the currency's own, but for three that Stripe counts otherwise than ISO 4217
   (docs.stripe.com/currencies): 5 krónur or shillings are 500, 5 ariary are 5. #}
{% macro stripe_minor_unit() -%}
    case currency_code when 'ISK' then 2 when 'UGX' then 2 when 'MGA' then 0 else minor_unit end
{%- endmacro %}


{# A share as DECIMAL(38,10), NULL when the whole is zero. #}
{% macro ratio(part, whole) -%}
    cast(cast({{ part }} as decimal(38, 10)) / nullif({{ whole }}, 0) as decimal(38, 10))
{%- endmacro %}


{# An amount at a rate, rounded half up to four digits. Overflow is an error, never a wrong number. #}
{% macro at_rate(amount, rate) -%}
    cast(cast({{ amount }} as decimal(26, 4)) * {{ rate }} as decimal(38, 4))
{%- endmacro %}


{# Which span of days late a due date falls in. A document is not late on the day it is due. #}
{% macro aging_bucket(due_date, as_of_date) -%}
    case
        when {{ as_of_date }} <= {{ due_date }} then 'not_due'
        when date_diff('day', {{ due_date }}, {{ as_of_date }}) <= 30 then '1-30'
        when date_diff('day', {{ due_date }}, {{ as_of_date }}) <= 60 then '31-60'
        when date_diff('day', {{ due_date }}, {{ as_of_date }}) <= 90 then '61-90'
        else 'over_90'
    end
{%- endmacro %}
