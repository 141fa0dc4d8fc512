{{ config(
    unique_key=['source_id', 'occurrence'],
    meta={'changed_keys': 'changed_reconciliation'},
) }}
{%- set since = last_built() %}
{%- set lacks_its_pair = 'stripe.balance_transaction_id is not null and netsuite.netsuite_transaction_id is null' %}
{%- set was_in_another_currency = 'coalesce(netsuite.netsuite_currency <> stripe.stripe_currency, true)' %}
{%- set is_left_over = 'balance_transaction_id is null and netsuite_transaction_id is not null' %}

with billed as (

    select
        balance_transaction_id,
        coalesce(source_id, balance_transaction_id) as source_id,
        type,
        created_at as stripe_created_at,
        currency as stripe_currency,
        amount as stripe_amount,
        coalesce(_first_batch, _batch) as stripe_batch
    from {{ ref('stg_stripe__balance_transactions') }}
    where {{ is_item('type', 'source_id') }} {{ and_changed('coalesce(source_id, balance_transaction_id)', since) }}

),

billed_again as (

    -- next to no item has a second row, and numbering the others would cost as much as all else
    select
        balance_transaction_id,
        row_number() over (partition by source_id order by stripe_created_at, balance_transaction_id) as occurrence
    from billed
    where {{ may_come_again('source_id', 'billed') }}

),

stripe as (

    select billed.*, coalesce(billed_again.occurrence, 1) as occurrence
    from billed
    left join billed_again on billed_again.balance_transaction_id = billed.balance_transaction_id

),

netsuite_lines as (

    select transaction_id, sum(amount) as netsuite_amount, min(subsidiary_id) as netsuite_subsidiary_id
    from {{ ref('stg_netsuite__transactionline') }}
    where is_main_line and is_deleted = false {{ and_of_changed_transaction('transaction_id', since) }}
    group by transaction_id

),

corrections as (

    {{ netsuite_corrections(since) }}

),

posted as (

    -- in scope is what names a charge or refund of Stripe; everything else in the ERP is none of billing's business
    select
        transaction_id,
        external_id as source_id,
        {{ netsuite_posted_at('transactions') }} as netsuite_posted_at,
        currency_id,
        coalesce(_first_batch, _batch) as netsuite_batch
    from {{ ref('stg_netsuite__transaction') }} as transactions
    where {{ names_item('external_id') }} and is_deleted = false {{ and_changed('external_id', since) }}

),

posted_again as (

    select
        transaction_id,
        row_number() over (partition by source_id order by netsuite_posted_at, transaction_id) as occurrence
    from posted
    where {{ may_come_again('source_id', 'posted') }}

),

departures as (

    {{ netsuite_departures(since) }}

),

surrounded as (

    -- each with what its item has now, and had in the batch before it left
    select
        departures.transaction_id,
        departures.source_id,
        departures.netsuite_posted_at,
        departures.currency_code,
        departures.subsidiary_id,
        departures.first_batch,
        departures.left_batch,
        departures.left_amount,
        count(sides.is_movement) filter (where sides.is_movement) as movements,
        count(sides.is_movement) filter (where not sides.is_movement) as transactions,
        count_if(sides.is_movement and sides.batch < departures.left_batch) as movements_then,
        count_if(not sides.is_movement and sides.batch < departures.left_batch) as other_transactions_then,
        max(sides.posted_at) filter (where sides.batch < departures.left_batch) as others_posted_at,
        array_agg(cast(
            row(departures.first_batch, departures.left_batch) as row(first_batch date, left_batch date)
        )) over (partition by departures.source_id) as stays
    from (
        select source_id, true as is_movement, stripe_batch as batch, null as posted_at from billed
        union all
        select source_id, false, netsuite_batch, netsuite_posted_at from posted
    ) as sides
    right join departures on departures.source_id = sides.source_id
    group by 1, 2, 3, 4, 5, 6, 7, 8

),

departed as (

    -- Numbered after the transactions that are there. One that was among too many stays as a row of its own; of the others
    -- each takes the place of one that Stripe's item lacks, and is nothing more where another has its place since.
    select
        *,
        transactions
        + row_number() over (partition by source_id order by is_left_over, left_batch desc, transaction_id) as occurrence
    from (
        select
            *,
            transactions_then > movements_then as is_left_over,
            row_number() over (
                partition by source_id
                order by transactions_then > movements_then, left_batch desc, transaction_id
            ) as place
        from (
            select
                *,
                -- itself, those that are there, and those that left no earlier
                other_transactions_then + cardinality(filter(
                    stays, one -> one.first_batch < left_batch and one.left_batch >= left_batch
                )) as transactions_then
            from surrounded
        )
    )
    where is_left_over or transactions + place <= movements

),

netsuite as (

    select
        posted.transaction_id as netsuite_transaction_id,
        posted.source_id,
        posted.netsuite_posted_at,
        currencies.currency_code as netsuite_currency,
        lines.netsuite_amount,
        lines.netsuite_subsidiary_id,
        posted.netsuite_batch,
        corrections.corrected_batch,
        corrections.previous_amount,
        null as removed_status,
        coalesce(posted_again.occurrence, 1) as occurrence
    from posted
    left join posted_again on posted_again.transaction_id = posted.transaction_id
    left join netsuite_lines as lines on lines.transaction_id = posted.transaction_id
    left join {{ ref('stg_netsuite__currency') }} as currencies on currencies.currency_id = posted.currency_id
    left join corrections on corrections.transaction_id = posted.transaction_id

    union all

    select
        null as netsuite_transaction_id,
        source_id,
        -- too many they are since the last of them came
        greatest(netsuite_posted_at, coalesce(others_posted_at, netsuite_posted_at)) as netsuite_posted_at,
        currency_code as netsuite_currency,
        null as netsuite_amount,
        subsidiary_id as netsuite_subsidiary_id,
        first_batch as netsuite_batch,
        left_batch as corrected_batch,
        left_amount as previous_amount,
        if(transactions_then = 1, 'missing_in_billing', 'duplicate_in_erp') as removed_status,
        occurrence
    from departed

),

refunds as (

    select refund_id, charge_id, lower(json_extract_scalar(metadata, '$.org_id')) as metadata_org_id
    from {{ ref('stg_stripe__refunds') }}
    where true {{ and_changed('refund_id', since) }}

),

charges as (

    select charge_id, lower(json_extract_scalar(metadata, '$.org_id')) as metadata_org_id
    from {{ ref('stg_stripe__charges') }}
    where true {{ and_charge_of_changed_item('charge_id', since) }}

),

payments as (

    select processor_reference as charge_id, min(org_id) as payment_org_id
    from {{ ref('stg_app_db__payments') }}
    where processor_reference is not null
        and is_deleted = false {{ and_charge_of_changed_item('processor_reference', since) }}
    group by processor_reference

),

organizations as (

    select org_id, base_currency, netsuite_subsidiary_id, is_deleted
    from {{ ref('stg_app_db__organizations') }}

),

subsidiaries as (

    select netsuite_subsidiary_id, min(org_id) as subsidiary_org_id
    from organizations
    where netsuite_subsidiary_id is not null and is_deleted = false
    group by netsuite_subsidiary_id

),

fx_rates as (

    {{ daily_fx_rates('spot') }}

),

newest_day as (

    {{ newest_loaded_day() }}

),

sides as (

    -- the first of each side is a pair, and so is the second; an ERP transaction that is left over is a duplicate
    select
        coalesce(stripe.source_id, netsuite.source_id) as source_id,
        coalesce(stripe.occurrence, netsuite.occurrence) as occurrence,
        stripe.type,
        stripe.balance_transaction_id,
        stripe.stripe_created_at,
        stripe.stripe_currency,
        stripe.stripe_amount,
        stripe.stripe_batch,
        netsuite.netsuite_transaction_id,
        netsuite.netsuite_subsidiary_id,
        netsuite.netsuite_amount,
        netsuite.removed_status,
        if({{ lacks_its_pair }}, null, netsuite.netsuite_posted_at) as netsuite_posted_at,
        if({{ lacks_its_pair }}, null, netsuite.netsuite_currency) as netsuite_currency,
        if({{ lacks_its_pair }}, null, netsuite.netsuite_batch) as netsuite_batch,
        -- in another currency the books never had it
        if({{ lacks_its_pair }} and {{ was_in_another_currency }}, null, netsuite.corrected_batch) as corrected_batch,
        if({{ lacks_its_pair }} and {{ was_in_another_currency }}, null, netsuite.previous_amount) as previous_amount
    from stripe
    full join netsuite on netsuite.source_id = stripe.source_id and netsuite.occurrence = stripe.occurrence

),

paired as (

    select
        source_id,
        {{ item_type('type', 'source_id') }} as item_type,
        occurrence,
        balance_transaction_id,
        netsuite_transaction_id,
        netsuite_subsidiary_id,
        stripe_created_at,
        netsuite_posted_at,
        date_diff('second', stripe_created_at, netsuite_posted_at) as posting_delay_seconds,
        stripe_currency,
        netsuite_currency,
        stripe_amount,
        netsuite_amount,
        cast(coalesce(stripe_created_at, netsuite_posted_at) as date) as item_date,
        cast(least(
            coalesce(stripe_created_at, netsuite_posted_at), coalesce(netsuite_posted_at, stripe_created_at)
        ) as date) as first_seen_on,
        greatest(
            cast(coalesce(stripe_created_at, netsuite_posted_at) as date),
            cast(coalesce(netsuite_posted_at, stripe_created_at) as date),
            coalesce(corrected_batch, date '0001-01-01')
        ) as status_since,
        least(coalesce(stripe_batch, netsuite_batch), coalesce(netsuite_batch, stripe_batch)) as first_seen_batch,
        greatest(
            coalesce(stripe_batch, netsuite_batch), coalesce(corrected_batch, netsuite_batch, stripe_batch)
        ) as newest_batch,
        corrected_batch,
        previous_amount,
        removed_status,
        balance_transaction_id is not null and netsuite_transaction_id is null as is_missing_in_erp,
        {{ is_left_over }} and occurrence = 1 as is_missing_in_billing,
        {{ is_left_over }} and occurrence > 1 as is_duplicate_in_erp,
        balance_transaction_id is null and netsuite_transaction_id is null as is_removed_from_erp,
        balance_transaction_id is not null and netsuite_transaction_id is not null as is_pair
    from sides

),

linked as (

    select
        paired.*,
        refunds.charge_id as refunded_charge_id,
        coalesce(refunds.charge_id, paired.source_id) as charge_id,
        refunds.metadata_org_id as refund_org_id
    from paired
    left join refunds on refunds.refund_id = paired.source_id

),

owned as (

    select
        linked.*,
        payments.payment_org_id,
        coalesce(
            charge_organizations.org_id,
            payments.payment_org_id,
            refund_organizations.org_id,
            subsidiaries.subsidiary_org_id
        ) as org_id,
        if(linked.item_type = 'charge', charges.metadata_org_id, linked.refund_org_id) as metadata_org_id,
        if(
            linked.item_type = 'charge', charge_organizations.org_id, refund_organizations.org_id
        ) as known_metadata_org_id
    from linked
    left join charges on charges.charge_id = linked.charge_id
    left join payments on payments.charge_id = linked.charge_id
    left join organizations as charge_organizations on charge_organizations.org_id = charges.metadata_org_id
    left join organizations as refund_organizations on refund_organizations.org_id = linked.refund_org_id
    left join subsidiaries on subsidiaries.netsuite_subsidiary_id = linked.netsuite_subsidiary_id

),

flagged as (

    select
        *,
        coalesce(stripe_currency, netsuite_currency) as currency,
        is_pair and not coalesce(stripe_currency = netsuite_currency, false) as is_currency_mismatch,
        is_pair and not coalesce(stripe_currency <> netsuite_currency, false)
        and not coalesce(stripe_amount = netsuite_amount, false) as is_amount_mismatch,
        is_pair and {{ is_posted_late('posting_delay_seconds') }} as is_timing_difference,
        balance_transaction_id is not null and (
            -- Stripe gives a refund none of its charge's metadata: what is without has no wrong label
            coalesce(payment_org_id <> coalesce(metadata_org_id, if(item_type = 'charge', '')), false)
            or (metadata_org_id is not null and known_metadata_org_id is null)
        ) as is_metadata_mismatch,
        case
            when is_pair and stripe_currency is distinct from netsuite_currency then null
            else coalesce(stripe_amount, if(not is_pair, 0)) - coalesce(netsuite_amount, if(not is_pair, 0))
        end as variance_amount
    from owned

),

judged as (

    select
        *,
        {{ reconciliation_status() }} as status,
        is_missing_in_erp and {{ is_posting_awaited('stripe_created_at', 'newest_day.as_of_date') }} as is_awaiting_erp
    from flagged
    cross join newest_day

),

counted as (

    select
        *,
        {{ is_unsettled('status') }} as is_open,
        if(is_awaiting_erp, 0, abs({{ lacking_amount('status') }})) as leakage_amount,
        case
            -- what was given an item's id later was no item before
            when status_since = first_seen_on or (not is_pair and previous_amount is null) then null
            when is_removed_from_erp then removed_status
            when previous_amount is not null and status_since = corrected_batch then case
                when balance_transaction_id is null then status
                when stripe_amount = previous_amount then 'perfect_match'
                else 'amount_mismatch'
            end
            when stripe_created_at < netsuite_posted_at or status_since = corrected_batch then 'missing_in_erp'
            else 'missing_in_billing'
        end as previous_status
    from judged

),

final as (

    select
        -- ids
        concat(counted.source_id, '/', cast(counted.occurrence as varchar)) as reconciliation_id,
        counted.org_id,
        counted.source_id,
        counted.occurrence,
        counted.refunded_charge_id,
        counted.balance_transaction_id,
        counted.netsuite_transaction_id,
        counted.netsuite_subsidiary_id,

        -- attributes
        counted.item_type,
        counted.status,
        counted.previous_status,

        -- dates
        counted.item_date,
        counted.stripe_created_at,
        counted.netsuite_posted_at,
        counted.posting_delay_seconds,
        date_diff(
            'day', cast(counted.stripe_created_at as date), cast(counted.netsuite_posted_at as date)
        ) as days_between,
        counted.first_seen_on,
        counted.first_seen_batch,
        counted.status_since,
        if(not counted.is_open, counted.status_since) as resolved_on,
        if(not counted.is_open, counted.newest_batch) as resolved_by_batch,

        -- amounts
        counted.currency,
        counted.stripe_currency,
        counted.netsuite_currency,
        counted.stripe_amount,
        cast(counted.netsuite_amount as decimal(38, 4)) as netsuite_amount,
        cast(counted.variance_amount as decimal(38, 4)) as variance_amount,
        cast(counted.leakage_amount as decimal(38, 4)) as leakage_amount,
        cast(case
            when counted.previous_status = 'missing_in_erp' then coalesce(counted.stripe_amount, 0)
            when counted.previous_status = 'missing_in_billing'
                then -if(counted.is_pair, counted.netsuite_amount, counted.previous_amount)
            when counted.previous_status is not null
                then coalesce(counted.stripe_amount, 0) - counted.previous_amount
        end as decimal(38, 4)) as previous_variance_amount,

        -- base currency
        {{ base_amounts('counted', 'counted.item_date', 'spot', {
            'stripe_amount': 'counted.stripe_amount',
            'variance_amount': 'counted.variance_amount',
            'leakage_amount': 'counted.leakage_amount',
        }) }},

        -- flags
        counted.is_open,
        counted.is_awaiting_erp,
        counted.is_missing_in_erp,
        counted.is_missing_in_billing,
        counted.is_duplicate_in_erp,
        counted.is_removed_from_erp,
        counted.is_currency_mismatch,
        counted.is_amount_mismatch,
        counted.is_timing_difference,
        counted.is_metadata_mismatch,
        counted.status = 'perfect_match' as is_perfect_match
    from counted
    left join organizations on organizations.org_id = counted.org_id
    {{ join_fx_rates('counted', 'counted.item_date') }}

)

select * from final
