{{ config(unique_key=['payout_id']) }}

with as_of as (

    {{ newest_loaded_day() }}

),

payouts as (

    select *
    from {{ ref('stg_stripe__payouts') }}

),

transactions as (

    select *
    from {{ ref('fact_processor_transactions') }}

),

-- What a payout is made of, without the movement that takes the payout itself out of the balance.
components as (

    select
        payout_id,
        -- a sum over currencies would be an amount of none
        if(count_if(currency <> payout_currency) = 0, sum(net_amount)) as components_amount,
        count(*) as component_count,
        count_if(currency <> payout_currency) as foreign_components
    from (
        select transactions.*, payouts.currency as payout_currency
        from transactions
        inner join payouts on payouts.payout_id = transactions.payout_id
        where not transactions.is_own_payout
    )
    group by payout_id

),

-- What the payout took out of the balance and, if it failed or was canceled, gave back to it. A fee for an instant payout
-- is no part of either. What came back in another currency than it was paid in cannot be taken off it.
movements as (

    select
        transactions.source_id as payout_id,
        if(count_if(transactions.currency <> payouts.currency) = 0, sum(transactions.amount)) as balance_amount,
        sum(if(transactions.reporting_category = 'payout_reversal', transactions.amount, 0)) as returned_amount,
        count_if(
            transactions.reporting_category = 'payout_reversal' and transactions.currency <> payouts.currency
        ) as foreign_returns
    from transactions
    left join payouts on payouts.payout_id = transactions.source_id
    where transactions.reporting_category in ('payout', 'payout_reversal')
    group by transactions.source_id

),

bookings as (

    {{ payout_bookings() }}

),

deposits as (

    {{ payout_deposits() }}

),

owners as (

    {{ payout_owners() }}

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('spot') }}

),

-- Every payout that any of the three knows. Top-ups are the other direction and no payouts.
known as (

    select payout_id from payouts
    union
    select payout_id from bookings where starts_with(payout_id, 'po_')
    union
    select payout_id from deposits where starts_with(payout_id, 'po_')

),

bank as (

    select
        payout_id,
        min(currency) as bank_currency,
        sum(amount) as bank_amount,
        min(booked_on) as booked_on,
        sum(bookings) as booking_count,
        count(*) as currencies
    from bookings
    group by payout_id

),

erp as (

    select
        payout_id,
        min(currency) as netsuite_currency,
        sum(amount) as netsuite_amount,
        min(deposited_on) as deposited_on,
        min(netsuite_transaction_id) as netsuite_transaction_id,
        sum(deposits) as deposit_count,
        count(*) as currencies
    from deposits
    group by payout_id

),

-- A payout that was reversed and the payout that reverses it are judged together.
pairs as (

    select
        payout_id,
        coalesce(original_payout_id, payout_id) as pair_id,
        original_payout_id is not null or reversed_by_id is not null as is_reversed
    from payouts

),

sides as (

    select
        known.payout_id,
        owners.org_id,
        payouts.payout_id is not null as is_in_processor,
        coalesce(pairs.pair_id, known.payout_id) as pair_id,
        coalesce(pairs.is_reversed, false) as is_reversed,
        coalesce(payouts.status in ('failed', 'canceled'), false) as is_failed,
        coalesce(payouts.is_automatic, components.component_count > 0) as is_automatic,
        payouts.status as payout_status,
        payouts.failure_code,
        payouts.original_payout_id,
        payouts.reversed_by_id,
        cast(payouts.created_at as date) as payout_date,
        cast(payouts.arrives_at as date) as arrival_date,
        bank.booked_on,
        erp.deposited_on,
        erp.netsuite_transaction_id,
        coalesce(payouts.currency, bank.bank_currency, erp.netsuite_currency) as currency,
        bank.bank_currency,
        erp.netsuite_currency,
        coalesce(payouts.amount, if(payouts.payout_id is null, 0)) as payout_amount,
        components.components_amount,
        if(movements.payout_id is null, 0, movements.balance_amount) as balance_amount,
        if(coalesce(movements.foreign_returns, 0) = 0, coalesce(movements.returned_amount, 0)) as returned_amount,
        if(coalesce(bank.currencies, 0) <= 1, coalesce(bank.bank_amount, 0)) as bank_amount,
        if(coalesce(erp.currencies, 0) <= 1, coalesce(erp.netsuite_amount, 0)) as netsuite_amount,
        coalesce(components.component_count, 0) as component_count,
        coalesce(bank.booking_count, 0) as booking_count,
        coalesce(erp.deposit_count, 0) as deposit_count,
        (
            coalesce(bank.bank_currency <> payouts.currency or bank.currencies > 1, false)
            or coalesce(erp.netsuite_currency <> payouts.currency or erp.currencies > 1, false)
            or coalesce(components.foreign_components > 0, false)
            or coalesce(movements.foreign_returns > 0, false)
            or (erp.payout_id is not null and erp.netsuite_currency is null)
            or (payouts.payout_id is not null and payouts.amount is null)
        ) as is_currency_mismatch
    from known
    left join payouts on payouts.payout_id = known.payout_id
    left join pairs on pairs.payout_id = known.payout_id
    left join components on components.payout_id = known.payout_id
    left join movements on movements.payout_id = known.payout_id
    left join bank on bank.payout_id = known.payout_id
    left join erp on erp.payout_id = known.payout_id
    left join owners on owners.payout_id = known.payout_id

),

-- What must have come to the bank and the books: the payout, less what returned to the balance. Of a reversed payout
-- and its reversal the sums of both must be zero everywhere, which they cannot prove in two currencies.
expected as (

    select
        *,
        payout_amount - returned_amount as settled_amount,
        sum(payout_amount) over (partition by pair_id) as pair_payout_amount,
        sum(bank_amount) over (partition by pair_id) as pair_bank_amount,
        sum(netsuite_amount) over (partition by pair_id) as pair_netsuite_amount,
        bool_or(is_currency_mismatch) over (partition by pair_id)
        or min(currency) over (partition by pair_id) <> max(currency) over (partition by pair_id) as is_pair_mixed
    from sides

),

compared as (

    select
        *,
        if(component_count > 0, cast(components_amount - payout_amount as decimal(38, 4))) as components_difference,
        if(not is_currency_mismatch, cast(bank_amount - settled_amount as decimal(38, 4))) as bank_difference,
        if(not is_currency_mismatch, cast(netsuite_amount - settled_amount as decimal(38, 4))) as netsuite_difference
    from expected

),

judged as (

    select
        compared.*,
        case
            when not is_in_processor then 'missing_at_processor'
            when is_currency_mismatch then 'currency_mismatch'
            when coalesce(components_difference <> 0, false) then 'components_mismatch'
            when is_failed and settled_amount = 0 and balance_amount = 0 and bank_amount = 0 and netsuite_amount = 0
                then 'failed_netted'
            when is_failed then 'failed_not_netted'
            when is_reversed and not is_pair_mixed
                and pair_payout_amount = 0 and pair_bank_amount = 0 and pair_netsuite_amount = 0
                then 'reversed_netted'
            when is_reversed then 'reversed_not_netted'
            when booking_count > 0 and bank_difference <> 0 then 'bank_mismatch'
            when deposit_count > 0 and netsuite_difference <> 0 then 'erp_mismatch'
            when booking_count = 0 and arrival_date >= as_of.as_of_date then 'in_transit'
            when booking_count = 0 then 'missing_at_bank'
            when deposit_count = 0 then 'missing_in_erp'
            when is_automatic and component_count = 0 then 'components_unknown'
            else 'tied'
        end as status
    from compared
    cross join as_of

),

final as (

    select
        -- ids
        judged.payout_id,
        judged.org_id,
        judged.original_payout_id,
        judged.reversed_by_id,
        judged.netsuite_transaction_id,

        -- attributes
        judged.status,
        judged.payout_status,
        judged.failure_code,

        -- dates
        judged.payout_date,
        judged.arrival_date,
        judged.booked_on,
        judged.deposited_on,

        -- amounts
        judged.currency,
        judged.bank_currency,
        judged.netsuite_currency,
        cast(judged.payout_amount as decimal(38, 4)) as payout_amount,
        cast(judged.returned_amount as decimal(38, 4)) as returned_amount,
        cast(judged.settled_amount as decimal(38, 4)) as settled_amount,
        cast(judged.components_amount as decimal(38, 4)) as components_amount,
        cast(judged.bank_amount as decimal(38, 4)) as bank_amount,
        cast(judged.netsuite_amount as decimal(38, 4)) as netsuite_amount,
        judged.components_difference,
        judged.bank_difference,
        judged.netsuite_difference,
        judged.component_count,
        cast(judged.booking_count as bigint) as booking_count,
        cast(judged.deposit_count as bigint) as deposit_count,

        -- base currency
        {{ base_amounts('judged', 'coalesce(judged.payout_date, judged.booked_on, judged.deposited_on)', 'spot', {
            'payout_amount': 'judged.payout_amount',
            'bank_amount': 'if(judged.booking_count = 0 or judged.bank_currency = judged.currency, judged.bank_amount)',
            'netsuite_amount':
                'if(judged.deposit_count = 0 or judged.netsuite_currency = judged.currency, judged.netsuite_amount)',
        }) }},

        -- flags
        judged.is_in_processor,
        judged.is_automatic,
        judged.is_failed,
        judged.is_reversed
    from judged
    left join organizations on organizations.org_id = judged.org_id
    {{ join_fx_rates('judged', 'coalesce(judged.payout_date, judged.booked_on, judged.deposited_on)') }}

)

select * from final
