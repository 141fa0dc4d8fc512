{{ config(
    unique_key=['bank_transaction_id'],
    meta={'changed_keys': 'changed_bank_transactions'},
    properties=by_year('booked_on'),
) }}
{% set since = last_built() %}

with booked as (

    select * from {{ ref('stg_app_db__bank_transactions') }}
    where is_deleted = false {{ and_changed('bank_transaction_id', since) }}

),

payments as (

    -- those that were booked, because what is joined to is kept in memory
    select payment_id, direction
    from {{ ref('stg_app_db__payments') }}
    where payment_id in (select payment_id from booked)

),

transactions as (

    select
        booked.*,
        if(booked.amount > 0, 'in', 'out') as direction,
        case payments.direction when 'in' then 'customer_payment' when 'out' then 'supplier_payment' else 'none' end
            as payment_link,
        booked.transfer_group_id is not null as is_internal_transfer,
        lower(booked.counterparty) as counterparty_lower,
        lower(booked.description) as description_lower
    from booked
    left join payments on payments.payment_id = booked.payment_id

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('spot') }}

),

rule_lists as (

    {{ bank_rule_lists() }}

),

matched as (

    select
        transactions.*,
        rule_lists.fingerprint as rules_fingerprint,
        element_at(
            filter(
                rule_lists.rules,
                rule -> (rule.section = 'transfers') = transactions.is_internal_transfer
                and coalesce(rule.direction = transactions.direction, rule.direction is null)
                and coalesce(rule.payment_link = transactions.payment_link, rule.payment_link is null)
                and coalesce(rule.currency = transactions.currency, rule.currency is null)
                and coalesce(abs(transactions.amount) >= rule.amount_from, true)
                and coalesce(abs(transactions.amount) <= rule.amount_to, true)
                and (
                    rule.counterparty_text is null
                    or coalesce(strpos(transactions.counterparty_lower, rule.counterparty_text) > 0, false)
                )
                and (
                    rule.description_text is null
                    or coalesce(strpos(transactions.description_lower, rule.description_text) > 0, false)
                )
            ),
            1
        ) as rule
    from transactions
    left join rule_lists on rule_lists.org_id = transactions.org_id

),

-- What moved in or out of the company, and what only moved inside it.
split as (

    select
        *,
        cast(if(is_internal_transfer or amount < 0, 0, amount) as decimal(38, 4)) as income_amount,
        cast(if(is_internal_transfer or amount > 0, 0, -amount) as decimal(38, 4)) as expense_amount,
        cast(if(is_internal_transfer, amount, 0) as decimal(38, 4)) as transfer_amount
    from matched

),

converted as (

    select
        split.*,
        {{ base_amounts('split', 'split.booked_on', 'spot', {
            'amount': 'split.amount',
            'income_amount': 'split.income_amount',
            'expense_amount': 'split.expense_amount',
            'transfer_amount': 'split.transfer_amount',
        }) }}
    from split
    left join organizations on organizations.org_id = split.org_id
    {{ join_fx_rates('split', 'split.booked_on') }}

),

transfer_currencies as (

    select
        org_id,
        transfer_group_id,
        currency,
        count(*) as legs,
        sum(amount) as net_amount,
        max(fx_rate) as fx_rate
    from converted
    where is_internal_transfer
    group by org_id, transfer_group_id, currency

),

transfers as (

    select
        org_id,
        transfer_group_id,
        cast(sum(legs) as integer) as leg_count,
        case
            when sum(legs) = 1 then 'one_leg'
            when bool_and(net_amount = 0) then 'netted'
            when sum(legs) = 2 and count_if(net_amount > 0) = 1 and count_if(net_amount < 0) = 1 then 'exchanged'
            else 'unbalanced'
        end as status,
        sum(net_amount) filter (where net_amount > 0) as amount_in,
        sum(-net_amount) filter (where net_amount < 0) as amount_out,
        max(fx_rate) filter (where net_amount > 0) as rate_in,
        max(fx_rate) filter (where net_amount < 0) as rate_out
    from transfer_currencies
    group by org_id, transfer_group_id

),

rates as (

    select
        *,
        if(status = 'exchanged', {{ ratio('amount_in', 'amount_out') }}) as exchange_rate,
        if(status = 'exchanged', {{ ratio('rate_out', 'rate_in') }}) as spot_rate
    from transfers

),

final as (

    select
        -- ids
        converted.bank_transaction_id,
        converted.org_id,
        converted.bank_account_id,
        converted.payment_id,
        converted.transfer_group_id,
        converted.rule.category_rule_id as category_rule_id,

        -- attributes
        converted.counterparty,
        converted.description,
        converted.direction,
        converted.payment_link,

        -- category
        coalesce(converted.rule.section, if(converted.is_internal_transfer, 'transfers', 'uncategorized')) as section,
        coalesce(converted.rule.category, 'uncategorized') as category,
        converted.rule.name as rule_name,
        converted.rule.conditions as rule_conditions,
        converted.rules_fingerprint,

        -- dates
        converted.booked_on,

        -- amounts
        converted.currency,
        converted.amount,
        converted.income_amount,
        converted.expense_amount,
        converted.transfer_amount,

        -- base currency
        converted.base_currency,
        converted.fx_rate,
        converted.fx_rate_type,
        converted.fx_rate_date,
        converted.base_amount,
        converted.base_income_amount,
        converted.base_expense_amount,
        converted.base_transfer_amount,

        -- transfers
        rates.status as transfer_status,
        rates.leg_count as transfer_leg_count,
        rates.exchange_rate as transfer_rate,
        rates.spot_rate as transfer_spot_rate,
        cast(rates.exchange_rate - rates.spot_rate as decimal(38, 10)) as transfer_rate_difference,

        -- flags
        converted.is_internal_transfer,
        converted.is_rate_missing
    from converted
    left join rates
        on rates.org_id = converted.org_id
        and rates.transfer_group_id = converted.transfer_group_id

)

select * from final
