{{ config(
    unique_key=['as_of_date', 'org_id', 'portfolio', 'instrument_id'],
    meta={'rewrites_day': 'as_of_date'},
    full_refresh=false,
    properties={'partitioning': "array['month(as_of_date)']"},
) }}
{# full_refresh=false: a rebuild knows its own day only and would lose the others; it rewrites its day instead #}
{% set as_of_date = "date '" ~ as_of() ~ "'" %}

with lots as (

    {{ lots_as_of(as_of_date) }}

),

positions as (

    select
        {{ as_of_date }} as as_of_date,
        org_id,
        portfolio,
        instrument_id,
        currency,
        max(symbol) as symbol,
        count(*) as lot_count,
        sum(open_quantity) as quantity,
        sum(open_cost_amount) as cost_amount,
        -- at the rates of the days the lots were bought; one that is missing makes the sum unknown
        if(count_if(fx_rate is null) = 0, sum({{ at_rate('open_cost_amount', 'fx_rate') }})) as base_cost_amount
    from lots
    where closed_quantity < quantity
    group by org_id, portfolio, instrument_id, currency

),

newest_prices as (

    select
        instrument_id,
        max(price_date) as price_date,
        max_by(price, price_date) as price
    from {{ ref('stg_app_db__instrument_prices') }}
    where is_deleted = false
        and price_date <= {{ as_of_date }}
        and price_date >= {{ as_of_date }} - interval '{{ var("price_max_age_days") }}' day
    group by instrument_id

),

splits as (

    -- since the price's day: the price is still that of a unit before them
    select
        trades.org_id,
        trades.portfolio,
        trades.instrument_id,
        {{ product('array_agg(cast(trades.split_new as bigint))') }} as split_new,
        {{ product('array_agg(cast(trades.split_old as bigint))') }} as split_old
    from {{ ref('fact_trades') }} as trades
    inner join newest_prices
        on newest_prices.instrument_id = trades.instrument_id
        and newest_prices.price_date < trades.traded_on
    where trades.status = 'counted'
        and trades.trade_type = 'split'
        and trades.traded_on <= {{ as_of_date }}
    group by trades.org_id, trades.portfolio, trades.instrument_id

),

priced as (

    select
        positions.*,
        newest_prices.price_date,
        cast(
            newest_prices.price * cast(coalesce(splits.split_old, 1) as decimal(18, 0))
            / cast(coalesce(splits.split_new, 1) as decimal(18, 0)) as decimal(38, 10)
        ) as price
    from positions
    left join newest_prices on newest_prices.instrument_id = positions.instrument_id
    left join splits
        on splits.org_id = positions.org_id
        and splits.portfolio = positions.portfolio
        and splits.instrument_id = positions.instrument_id

),

valued as (

    select
        *,
        cast(quantity * price as decimal(38, 4)) as market_value_amount
    from priced

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('closing') }}

),

converted as (

    select
        valued.*,
        {{ base_amounts('valued', 'valued.as_of_date', 'closing', {
            'market_value_amount': 'valued.market_value_amount',
        }) }}
    from valued
    left join organizations on organizations.org_id = valued.org_id
    {{ join_fx_rates('valued', 'valued.as_of_date') }}

),

final as (

    select
        -- ids
        org_id,
        instrument_id,

        -- attributes
        portfolio,
        symbol,

        -- dates
        as_of_date,
        price_date,

        -- quantities
        lot_count,
        cast(quantity as decimal(38, 10)) as quantity,

        -- amounts
        currency,
        cast(cost_amount as decimal(38, 4)) as cost_amount,
        {{ ratio('cost_amount', 'quantity') }} as average_cost,
        price,
        market_value_amount,
        cast(market_value_amount - cost_amount as decimal(38, 4)) as unrealized_amount,

        -- base currency
        base_currency,
        fx_rate,
        fx_rate_type,
        fx_rate_date,
        cast(base_cost_amount as decimal(38, 4)) as base_cost_amount,
        base_market_value_amount,
        cast(base_market_value_amount - base_cost_amount as decimal(38, 4)) as base_unrealized_amount,

        -- flags
        price is null as is_price_missing,
        is_rate_missing
    from converted

)

select * from final
