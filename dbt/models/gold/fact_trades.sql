{{ config(unique_key=['org_id', 'trade_number', 'source']) }}

with instruments as (

    select instrument_id, org_id, symbol, currency, is_deleted
    from {{ ref('stg_app_db__instruments') }}

),

loaded as (

    {{ newest_loaded_day() }}

),

entered as (

    select
        trades.*,
        instruments.symbol,
        instruments.currency as instrument_currency
    from {{ ref('stg_app_db__trades') }} as trades
    left join instruments on instruments.instrument_id = trades.instrument_id
    where trades.is_deleted = false

),

delivered as (

    select
        trades.*,
        instruments.instrument_id,
        instruments.currency as instrument_currency
    from {{ ref('stg_wealth__trades') }} as trades
    left join instruments
        on instruments.org_id = trades.org_id
        and instruments.symbol = trades.symbol
        and instruments.is_deleted = false
    where trades.is_deleted = false

),

{% set columns = [
    'org_id', 'trade_number', 'instrument_id', 'instrument_currency', 'portfolio', 'account', 'symbol', 'trade_type',
    'split_new', 'split_old', 'traded_at', 'quantity', 'currency', 'price', 'amount'
] -%}
{% set compared = [
    'portfolio', 'symbol', 'trade_type', 'split_new', 'split_old', 'traded_at', 'quantity', 'currency', 'amount'
] -%}
trades as (

    select
        {{ columns | join(',\n        ') }},
        'app_db' as source,
        fee_quantity,
        fee_amount,
        false as is_entered_too,
        false as is_other_than_entered
    from entered

    union all

    select
        delivered.{{ columns | join(',\n        delivered.') }},
        'wealth' as source,
        coalesce(delivered.fee_quantity, 0) as fee_quantity,
        coalesce(delivered.fee_amount, 0) as fee_amount,
        entered.trade_number is not null as is_entered_too,
        coalesce(delivered.fee_quantity, 0) <> entered.fee_quantity
        or coalesce(delivered.fee_amount, 0) <> entered.fee_amount
        {%- for column in compared %}
        or delivered.{{ column }} is distinct from entered.{{ column }}
        {%- endfor %} as is_other_than_entered
    from delivered
    left join entered on entered.org_id = delivered.org_id and entered.trade_number = delivered.trade_number

),

dated as (

    select
        *,
        cast(traded_at at time zone 'UTC' as date) as traded_on,
        trade_type in ('buy', 'income') as opens_a_lot,
        trade_type in ('sell', 'gift', 'donation', 'fee') as takes_from_lots
    from trades

),

judged as (

    select
        *,
        case
            when is_entered_too and is_other_than_entered then 'conflict'
            when is_entered_too then 'duplicate'
            when instrument_id is null then 'unknown_instrument'
            when currency <> instrument_currency then 'currency_mismatch'
            when not coalesce(
                if(
                    trade_type = 'split',
                    split_new > 0 and split_old > 0 and quantity is null and amount is null,
                    (takes_from_lots or (opens_a_lot and fee_quantity = 0))
                    and quantity > 0 and amount >= 0 and fee_quantity >= 0 and fee_amount >= 0
                ),
                false
            ) then 'invalid'
            when traded_on > (select as_of_date from loaded) then 'not_yet'
            else 'counted'
        end as status
    from dated

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('spot') }}

),

final as (

    select
        -- ids
        judged.org_id,
        judged.trade_number,
        judged.source,
        judged.instrument_id,

        -- attributes
        judged.portfolio,
        judged.account,
        judged.symbol,
        judged.trade_type,
        judged.status,
        judged.split_new,
        judged.split_old,

        -- dates
        judged.traded_at,
        judged.traded_on,

        -- quantities
        judged.quantity,
        judged.fee_quantity,

        -- amounts
        judged.currency,
        judged.price,
        judged.amount,
        judged.fee_amount,
        cast(if(judged.opens_a_lot, judged.amount + judged.fee_amount) as decimal(38, 4)) as cost_amount,
        cast(if(judged.takes_from_lots, judged.amount - judged.fee_amount) as decimal(38, 4)) as proceeds_amount,

        -- base currency
        {{ base_amounts('judged', 'judged.traded_on', 'spot', {
            'amount': 'judged.amount',
            'fee_amount': 'judged.fee_amount',
        }) }}
    from judged
    left join organizations on organizations.org_id = judged.org_id
    {{ join_fx_rates('judged', 'judged.traded_on') }}

)

select * from final
