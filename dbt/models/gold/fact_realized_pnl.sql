{{ config(unique_key=['org_id', 'trade_number', 'part']) }}
{# First in, first out, without walking from trade to trade: every purchase and every disposal of a position is an
   interval on one line of quantities, and a disposal takes from the lots whose intervals its own overlaps.

   1. Splits. A quantity is multiplied by the `new` of every later split and the `old` of every earlier one. That makes
      all quantities of a position comparable in whole-number steps; weight leads back to the trade's own units.
   2. Sold beyond what is held. The running balance would fall below zero; what it lacks at its lowest point so far is
      how much had been sold without being held (short). The increase at a disposal is its oversold part, which takes
      nothing: not from earlier lots, and not from later ones.
   3. Intervals. Ends are running sums of what was bought, and of what was sold and held.
   4. Overlaps. Each is a row, and so is what was oversold; amounts are parts of running amounts (macros/lots.sql). #}
{% set position = 'org_id, portfolio, instrument_id' %}

with trades as (

    select
        *,
        trade_type in ('buy', 'income') as opens_a_lot,
        -- of one moment: splits first, then what comes in
        row_number() over (
            partition by {{ position }}
            order by
                traded_at,
                case when trade_type = 'split' then 0 when trade_type in ('buy', 'income') then 1 else 2 end,
                trade_number
        ) as place
    from {{ ref('fact_trades') }}
    where status = 'counted'

),

splits as (

    select
        {{ position }},
        array_agg(cast(split_new as bigint) order by place) as news,
        array_agg(cast(split_old as bigint) order by place) as olds
    from trades
    where trade_type = 'split'
    group by {{ position }}

),

in_order as (

    select
        *,
        count_if(trade_type = 'split') over (partition by {{ position }} order by place) as splits_before
    from trades

),

comparable as (

    select
        *,
        cast((quantity + fee_quantity) * weight as decimal(38, 10)) as size
    from (
        select
            in_order.*,
            cast(
                {{ product('slice(splits.news, in_order.splits_before + 1, cardinality(splits.news))') }}
                * {{ product('slice(splits.olds, 1, in_order.splits_before)') }} as decimal(18, 0)
            ) as weight
        from in_order
        left join splits
            on splits.org_id = in_order.org_id
            and splits.portfolio = in_order.portfolio
            and splits.instrument_id = in_order.instrument_id
        where in_order.trade_type <> 'split'
    )

),

balances as (

    select
        *,
        sum(if(opens_a_lot, size, -size)) over (partition by {{ position }} order by place) as balance
    from comparable

),

shortages as (

    select
        *,
        greatest(-min(balance) over (partition by {{ position }} order by place), 0) as short
    from balances

),

held as (

    select
        *,
        if(opens_a_lot, size, size - short + lag(short, 1, 0) over (partition by {{ position }} order by place)) as moved
    from shortages

),

intervals as (

    select
        *,
        sum(moved) over (partition by {{ position }}, opens_a_lot order by place) - moved as starts,
        sum(moved) over (partition by {{ position }}, opens_a_lot order by place) as ends
    from held

),

overlaps as (

    select
        disposals.*,
        lots.trade_number as lot_trade_number,
        lots.traded_on as acquired_on,
        lots.cost_amount as lot_cost_amount,
        lots.fx_rate as cost_fx_rate,
        lots.fx_rate_date as cost_fx_rate_date,
        lots.size as lot_size,
        lots.weight as lot_weight,
        greatest(lots.starts, disposals.starts) - lots.starts as lot_from,
        least(lots.ends, disposals.ends) - lots.starts as lot_to,
        greatest(lots.starts, disposals.starts) - disposals.starts as disposal_from,
        least(lots.ends, disposals.ends) - disposals.starts as disposal_to,
        -- of an oversold disposal the last overlap stands for two rows; where there is none, for the oversold one
        case
            when lots.trade_number is null then array[true]
            when disposals.moved < disposals.size and lots.ends >= disposals.ends then array[false, true]
            else array[false]
        end as stands_for
    from (select * from intervals where not opens_a_lot) as disposals
    left join (select * from intervals where opens_a_lot) as lots
        on lots.org_id = disposals.org_id
        and lots.portfolio = disposals.portfolio
        and lots.instrument_id = disposals.instrument_id
        and lots.starts < disposals.ends
        and disposals.starts < lots.ends

),

taken as (

    select
        org_id,
        trade_number,
        instrument_id,
        portfolio,
        account,
        symbol,
        trade_type,
        traded_at,
        traded_on,
        currency,
        base_currency,
        fx_rate,
        fx_rate_type,
        fx_rate_date,
        proceeds_amount,
        size,
        weight,
        is_oversold,
        if(is_oversold, moved, disposal_from) as disposal_from,
        if(is_oversold, size, disposal_to) as disposal_to,
        if(not is_oversold, lot_trade_number) as lot_trade_number,
        if(not is_oversold, acquired_on) as acquired_on,
        if(not is_oversold, lot_cost_amount) as lot_cost_amount,
        if(not is_oversold, cost_fx_rate) as cost_fx_rate,
        if(not is_oversold, cost_fx_rate_date) as cost_fx_rate_date,
        if(not is_oversold, lot_from) as lot_from,
        if(not is_oversold, lot_to) as lot_to,
        lot_size,
        lot_weight
    from overlaps
    cross join unnest(stands_for) as rows (is_oversold)

),

parts as (

    select
        *,
        row_number() over (partition by org_id, trade_number order by disposal_from) as part,
        {{ part_of_quantity('disposal_from', 'disposal_to', 'weight') }} as part_quantity,
        {{ part_of_quantity('lot_from', 'lot_to', 'lot_weight') }} as lot_quantity,
        {{ part_of_amount('proceeds_amount', 'disposal_from', 'disposal_to', 'size') }} as part_proceeds_amount,
        {{ part_of_amount('lot_cost_amount', 'lot_from', 'lot_to', 'lot_size') }} as part_cost_amount
    from taken

),

converted as (

    select
        *,
        {{ at_rate('part_proceeds_amount', 'fx_rate') }} as base_proceeds_amount,
        {{ at_rate('part_cost_amount', 'cost_fx_rate') }} as base_cost_amount
    from parts

),

final as (

    select
        -- ids
        org_id,
        trade_number,
        part,
        lot_trade_number,
        instrument_id,

        -- attributes
        portfolio,
        account,
        symbol,
        trade_type,
        if(is_oversold, 'oversold', 'matched') as status,

        -- dates
        traded_at as disposed_at,
        traded_on as disposed_on,
        acquired_on,
        date_diff('day', acquired_on, traded_on) as holding_days,

        -- quantities
        part_quantity as quantity,
        lot_quantity,

        -- amounts
        currency,
        part_proceeds_amount as proceeds_amount,
        part_cost_amount as cost_amount,
        cast(part_proceeds_amount - part_cost_amount as decimal(38, 4)) as realized_amount,

        -- base currency
        base_currency,
        fx_rate,
        fx_rate_type,
        fx_rate_date,
        cost_fx_rate,
        cost_fx_rate_date,
        base_proceeds_amount,
        base_cost_amount,
        cast(base_proceeds_amount - base_cost_amount as decimal(38, 4)) as base_realized_amount,
        fx_rate is null or (not is_oversold and cost_fx_rate is null) as is_rate_missing
    from converted

)

select * from final
