{# What portfolios hold: the arithmetic of lots, splits and prices.

   A position is an organization's instrument in one portfolio; lots are kept per position. Quantities are
   DECIMAL(28,10), their sums and everything on the way DECIMAL(38,10). Splits are whole numbers (new for old), so that
   no quantity is ever multiplied by a rounded ratio. #}


{# The product of an array of whole numbers; 1 for none. A product beyond bigint is an error. #}
{% macro product(numbers) -%}
    coalesce(reduce({{ numbers }}, bigint '1', (made, number) -> made * number, made -> made), 1)
{%- endmacro %}


{# The part of an amount that falls on [from_quantity, to_quantity) of a whole quantity: the difference of two rounded
   running amounts, each half up to four digits. So the parts of a whole add up to it exactly, however many there are.
   The product keeps 14 digits; amount times quantity has to stay below 10^24, or it is an error. #}
{% macro part_of_amount(amount, from_quantity, to_quantity, whole) -%}
    cast(
        {{ running_amount(amount, to_quantity, whole) }} - {{ running_amount(amount, from_quantity, whole) }}
        as decimal(38, 4)
    )
{%- endmacro %}


{% macro running_amount(amount, quantity, whole) -%}
    cast(cast({{ amount }} as decimal(20, 4)) * {{ quantity }} / {{ whole }} as decimal(38, 4))
{%- endmacro %}


{# The same for quantities that were made comparable by a weight (fact_realized_pnl): back in their own units. #}
{% macro part_of_quantity(from_quantity, to_quantity, weight) -%}
    cast(
        cast({{ to_quantity }} / {{ weight }} as decimal(38, 10))
        - cast({{ from_quantity }} / {{ weight }} as decimal(38, 10)) as decimal(38, 10)
    )
{%- endmacro %}


{# Every lot opened by the end of a day (SQL), as it stood then: fact_trades' columns of the trade that opened it, and
     closed_quantity       units that disposals have taken from it, in units as bought
     open_quantity         what is left, in units of that day: splits since the purchase are applied
     realized_cost_amount  cost that went with the units taken; open_cost_amount: the rest of the cost
     last_taken_on         day of the last disposal that took from it #}
{% macro lots_as_of(day) %}
    select
        lots.*,
        coalesce(taken.quantity, 0) as closed_quantity,
        cast(
            (lots.quantity - coalesce(taken.quantity, 0)) * cast(coalesce(splits.split_new, 1) as decimal(18, 0))
            / cast(coalesce(splits.split_old, 1) as decimal(18, 0)) as decimal(38, 10)
        ) as open_quantity,
        cast(coalesce(taken.cost_amount, 0) as decimal(38, 4)) as realized_cost_amount,
        cast(lots.cost_amount - coalesce(taken.cost_amount, 0) as decimal(38, 4)) as open_cost_amount,
        taken.last_taken_on
    from (
        select *
        from {{ ref('fact_trades') }}
        where status = 'counted' and trade_type in ('buy', 'income') and traded_on <= {{ day }}
    ) as lots
    left join (
        select
            org_id,
            lot_trade_number,
            sum(lot_quantity) as quantity,
            sum(cost_amount) as cost_amount,
            max(disposed_on) as last_taken_on
        from {{ ref('fact_realized_pnl') }}
        where lot_trade_number is not null and disposed_on <= {{ day }}
        group by org_id, lot_trade_number
    ) as taken
        on taken.org_id = lots.org_id
        and taken.lot_trade_number = lots.trade_number
    left join (
        select
            lots.org_id,
            lots.trade_number,
            {{ product('array_agg(cast(splits.split_new as bigint))') }} as split_new,
            {{ product('array_agg(cast(splits.split_old as bigint))') }} as split_old
        from {{ ref('fact_trades') }} as lots
        inner join {{ ref('fact_trades') }} as splits
            on splits.org_id = lots.org_id
            and splits.portfolio = lots.portfolio
            and splits.instrument_id = lots.instrument_id
            and splits.traded_at > lots.traded_at
        where lots.status = 'counted'
            and lots.trade_type in ('buy', 'income')
            and splits.status = 'counted'
            and splits.trade_type = 'split'
            and splits.traded_on <= {{ day }}
        group by lots.org_id, lots.trade_number
    ) as splits
        on splits.org_id = lots.org_id
        and splits.trade_number = lots.trade_number
{% endmacro %}
