-- Per position: cost that came in is cost of open lots plus cost realized, and what was disposed of, with its proceeds,
-- is in the parts, matched or oversold. Trades are taken as fact_trades has them, not as lots were made of them.
{% set position = 'org_id, portfolio, instrument_id' %}

with trades as (

    select
        {{ position }},
        sum(coalesce(cost_amount, 0)) as cost,
        sum(coalesce(proceeds_amount, 0)) as proceeds,
        sum(if(proceeds_amount is not null, quantity + fee_quantity, 0)) as disposed
    from {{ ref('fact_trades') }}
    where status = 'counted'
    group by {{ position }}

),

lots as (

    select {{ position }}, sum(open_cost_amount) as open_cost
    from {{ ref('fact_lots') }}
    group by {{ position }}

),

parts as (

    select {{ position }}, sum(cost_amount) as realized_cost, sum(proceeds_amount) as proceeds, sum(quantity) as disposed
    from {{ ref('fact_realized_pnl') }}
    group by {{ position }}

)

select *
from trades
full join lots
    on lots.org_id = trades.org_id
    and lots.portfolio = trades.portfolio
    and lots.instrument_id = trades.instrument_id
full join parts
    on parts.org_id = trades.org_id
    and parts.portfolio = trades.portfolio
    and parts.instrument_id = trades.instrument_id
where coalesce(trades.cost, 0) <> coalesce(lots.open_cost, 0) + coalesce(parts.realized_cost, 0)
    or coalesce(trades.proceeds, 0) <> coalesce(parts.proceeds, 0)
    or coalesce(trades.disposed, 0) <> coalesce(parts.disposed, 0)
