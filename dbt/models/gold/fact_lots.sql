{{ config(unique_key=['org_id', 'trade_number']) }}

with loaded as (

    {{ newest_loaded_day() }}

),

lots as (

    {{ lots_as_of('(select as_of_date from loaded)') }}

),

final as (

    select
        -- ids
        org_id,
        trade_number,
        source,
        instrument_id,

        -- attributes
        portfolio,
        account,
        symbol,
        trade_type,

        -- dates
        traded_at as acquired_at,
        traded_on as acquired_on,
        if(closed_quantity = quantity, last_taken_on) as closed_on,

        -- quantities
        quantity,
        closed_quantity,
        open_quantity,

        -- amounts
        currency,
        cost_amount,
        realized_cost_amount,
        open_cost_amount,
        {{ ratio('cost_amount', 'quantity') }} as unit_cost,

        -- base currency
        base_currency,
        fx_rate,
        fx_rate_type,
        fx_rate_date,
        {{ at_rate('cost_amount', 'fx_rate') }} as base_cost_amount,
        {{ at_rate('open_cost_amount', 'fx_rate') }} as base_open_cost_amount,

        -- flags
        closed_quantity < quantity as is_open,
        is_rate_missing
    from lots

)

select * from final
