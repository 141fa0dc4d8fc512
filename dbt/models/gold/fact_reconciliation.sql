{{ config(unique_key=['reconciliation_id']) }}

with stripe as (

    select
        balance_transaction_id,
        coalesce(source_id, balance_transaction_id) as charge_id,
        created_at as stripe_created_at,
        currency as stripe_currency,
        amount as stripe_amount,
        row_number() over (
            partition by coalesce(source_id, balance_transaction_id) order by created_at, balance_transaction_id
        ) as occurrence
    from {{ ref('stg_stripe__balance_transactions') }}
    where type = 'charge'

),

netsuite_lines as (

    select transaction_id, sum(amount) as netsuite_amount, min(subsidiary_id) as subsidiary_id
    from {{ ref('stg_netsuite__transactionline') }}
    where is_main_line
    group by transaction_id

),

netsuite as (

    -- in scope is what names a Stripe charge; everything else in the ERP is none of billing's business
    select
        transactions.transaction_id as netsuite_transaction_id,
        transactions.external_id as charge_id,
        with_timezone(
            coalesce(transactions.created_at, transactions.transaction_date), 'UTC'
        ) as netsuite_posted_at,
        currencies.currency_code as netsuite_currency,
        lines.netsuite_amount,
        lines.subsidiary_id,
        row_number() over (
            partition by transactions.external_id
            order by coalesce(transactions.created_at, transactions.transaction_date), transactions.transaction_id
        ) as occurrence
    from {{ ref('stg_netsuite__transaction') }} as transactions
    left join netsuite_lines as lines on lines.transaction_id = transactions.transaction_id
    left join {{ ref('stg_netsuite__currency') }} as currencies on currencies.currency_id = transactions.currency_id
    where starts_with(transactions.external_id, 'ch_')

),

charges as (

    select charge_id, lower(json_extract_scalar(metadata, '$.org_id')) as metadata_org_id
    from {{ ref('stg_stripe__charges') }}

),

payments as (

    select processor_reference as charge_id, min(org_id) as payment_org_id
    from {{ ref('stg_app_db__payments') }}
    where processor_reference is not null and not is_deleted
    group by processor_reference

),

organizations as (

    select org_id, base_currency, netsuite_subsidiary_id
    from {{ ref('stg_app_db__organizations') }}

),

subsidiaries as (

    select netsuite_subsidiary_id, min(org_id) as subsidiary_org_id
    from organizations
    where netsuite_subsidiary_id is not null
    group by netsuite_subsidiary_id

),

fx_rates as (

    {{ daily_fx_rates('spot') }}

),

paired as (

    -- the first of each side is a pair; any further ERP transaction of a charge is a duplicate and stands alone
    select
        coalesce(stripe.charge_id, netsuite.charge_id) as charge_id,
        coalesce(stripe.occurrence, netsuite.occurrence) as occurrence,
        stripe.balance_transaction_id,
        netsuite.netsuite_transaction_id,
        netsuite.subsidiary_id,
        stripe.stripe_created_at,
        netsuite.netsuite_posted_at,
        date_diff('second', stripe.stripe_created_at, netsuite.netsuite_posted_at) as posting_delay_seconds,
        stripe.stripe_currency,
        netsuite.netsuite_currency,
        stripe.stripe_amount,
        netsuite.netsuite_amount,
        netsuite.netsuite_transaction_id is null as is_missing_in_erp,
        stripe.balance_transaction_id is null and netsuite.occurrence = 1 as is_missing_in_billing,
        stripe.balance_transaction_id is null and netsuite.occurrence > 1 as is_duplicate_in_erp,
        stripe.balance_transaction_id is not null and netsuite.netsuite_transaction_id is not null as is_pair
    from stripe
    full join netsuite on netsuite.charge_id = stripe.charge_id and netsuite.occurrence = stripe.occurrence

),

owned as (

    select
        paired.*,
        charges.metadata_org_id,
        payments.payment_org_id,
        coalesce(metadata_organizations.org_id, payments.payment_org_id, subsidiaries.subsidiary_org_id) as org_id,
        metadata_organizations.org_id as known_metadata_org_id
    from paired
    left join charges on charges.charge_id = paired.charge_id
    left join payments on payments.charge_id = paired.charge_id
    left join organizations as metadata_organizations on metadata_organizations.org_id = charges.metadata_org_id
    left join subsidiaries on subsidiaries.netsuite_subsidiary_id = paired.subsidiary_id

),

flagged as (

    select
        *,
        coalesce(stripe_currency, netsuite_currency) as currency,
        cast(coalesce(stripe_created_at, netsuite_posted_at) as date) as item_date,
        is_pair and not coalesce(stripe_currency = netsuite_currency, false) as is_currency_mismatch,
        is_pair and not coalesce(stripe_currency <> netsuite_currency, false)
        and not coalesce(stripe_amount = netsuite_amount, false) as is_amount_mismatch,
        is_pair and coalesce(
            posting_delay_seconds > {{ env_var('TIEOUT_TIMING_DIFFERENCE_HOURS', '24') | int }} * 3600, false
        ) as is_timing_difference,
        balance_transaction_id is not null and (
            coalesce(payment_org_id <> coalesce(metadata_org_id, ''), false)
            or (metadata_org_id is not null and known_metadata_org_id is null)
        ) as is_metadata_mismatch,
        case
            when is_pair and stripe_currency is distinct from netsuite_currency then null
            else coalesce(stripe_amount, if(not is_pair, 0)) - coalesce(netsuite_amount, if(not is_pair, 0))
        end as variance_amount
    from owned

),

final as (

    select
        -- ids
        concat(flagged.charge_id, '/', cast(flagged.occurrence as varchar)) as reconciliation_id,
        flagged.org_id,
        flagged.charge_id,
        flagged.balance_transaction_id,
        flagged.netsuite_transaction_id,

        -- attributes
        case
            when is_duplicate_in_erp then 'duplicate_in_erp'
            when is_missing_in_erp then 'missing_in_erp'
            when is_missing_in_billing then 'missing_in_billing'
            when is_currency_mismatch then 'currency_mismatch'
            when is_amount_mismatch then 'amount_mismatch'
            when is_timing_difference then 'timing_difference'
            when is_metadata_mismatch then 'metadata_mismatch'
            else 'perfect_match'
        end as status,

        -- dates
        flagged.item_date,
        flagged.stripe_created_at,
        flagged.netsuite_posted_at,
        flagged.posting_delay_seconds,

        -- amounts
        flagged.stripe_currency,
        flagged.netsuite_currency,
        flagged.stripe_amount,
        cast(flagged.netsuite_amount as decimal(38, 4)) as netsuite_amount,
        cast(flagged.variance_amount as decimal(38, 4)) as variance_amount,

        -- base currency
        {{ base_amounts('flagged', 'flagged.item_date', 'spot', {
            'stripe_amount': 'flagged.stripe_amount',
            'variance_amount': 'flagged.variance_amount',
        }) }},

        -- flags
        flagged.is_missing_in_erp,
        flagged.is_missing_in_billing,
        flagged.is_duplicate_in_erp,
        flagged.is_currency_mismatch,
        flagged.is_amount_mismatch,
        flagged.is_timing_difference,
        flagged.is_metadata_mismatch,
        flagged.is_pair and not (
            is_currency_mismatch or is_amount_mismatch or is_timing_difference or is_metadata_mismatch
        ) as is_perfect_match
    from flagged
    left join organizations on organizations.org_id = flagged.org_id
    {{ join_fx_rates('flagged', 'flagged.item_date') }}

)

select * from final
