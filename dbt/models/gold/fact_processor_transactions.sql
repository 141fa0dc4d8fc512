{{ config(unique_key=['balance_transaction_id']) }}

with refunds as (

    select refund_id, charge_id, lower(json_extract_scalar(metadata, '$.org_id')) as metadata_org_id
    from {{ ref('stg_stripe__refunds') }}

),

disputes as (

    select dispute_id, charge_id
    from {{ ref('stg_stripe__disputes') }}

),

charges as (

    select charge_id, lower(json_extract_scalar(metadata, '$.org_id')) as metadata_org_id
    from {{ ref('stg_stripe__charges') }}

),

payments as (

    select processor_reference as charge_id, min(org_id) as org_id
    from {{ ref('stg_app_db__payments') }}
    where is_deleted = false
        -- the app may take most of its payments another way
        and processor_reference in (
            select source_id from {{ ref('stg_stripe__balance_transactions') }}
            union all
            select charge_id from refunds
            union all
            select charge_id from disputes
        )
    group by processor_reference

),

organizations as (

    select org_id, base_currency, netsuite_subsidiary_id, is_deleted
    from {{ ref('stg_app_db__organizations') }}

),

receipts as (

    select transactions.external_id as charge_id, min(organizations.org_id) as org_id
    from {{ ref('stg_netsuite__transaction') }} as transactions
    inner join {{ ref('stg_netsuite__transactionline') }} as lines
        on lines.transaction_id = transactions.transaction_id and lines.is_main_line and lines.is_deleted = false
    inner join organizations
        on organizations.netsuite_subsidiary_id = lines.subsidiary_id
        and organizations.is_deleted = false
    where {{ names_charge('transactions.external_id') }} and transactions.is_deleted = false
    group by transactions.external_id

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

-- A movement is part of one payout: of several that were said, the one that was delivered last.
links as (

    select balance_transaction_id, max_by(payout_id, row(_file, _line)) as payout_id
    from {{ ref('stg_stripe__payout_balance_transactions') }}
    group by balance_transaction_id

),

fx_rates as (

    {{ daily_fx_rates('spot') }}

),

linked as (

    select
        transactions.*,
        coalesce(links.payout_id, transactions.payout_id) as paid_out_by,
        disputes.dispute_id,
        refunds.refund_id,
        refunds.metadata_org_id as refund_org_id,
        coalesce(
            refunds.charge_id,
            disputes.charge_id,
            if({{ names_charge('transactions.source_id') }}, transactions.source_id)
        ) as charge_id
    from {{ ref('stg_stripe__balance_transactions') }} as transactions
    left join links on links.balance_transaction_id = transactions.balance_transaction_id
    left join refunds on refunds.refund_id = transactions.source_id
    left join disputes on disputes.dispute_id = transactions.source_id

),

owned as (

    select
        linked.*,
        coalesce(
            charge_organizations.org_id,
            payments.org_id,
            receipts.org_id,
            refund_organizations.org_id,
            own.org_id,
            whole.org_id
        ) as org_id,
        {{ reporting_category(
            'linked',
            "(linked.dispute_id is not null or regexp_like(coalesce(linked.source_id, ''), '^(dp|du)_'))",
            "(linked.refund_id is not null or regexp_like(coalesce(linked.source_id, ''), '^(re|pyr)_'))",
        ) }} as category,
        cast(linked.created_at as date) as transaction_date
    from linked
    left join charges on charges.charge_id = linked.charge_id
    left join organizations as charge_organizations on charge_organizations.org_id = charges.metadata_org_id
    left join payments on payments.charge_id = linked.charge_id
    left join receipts on receipts.charge_id = linked.charge_id
    left join organizations as refund_organizations on refund_organizations.org_id = linked.refund_org_id
    left join owners as own on own.payout_id = linked.source_id
    left join owners as whole on whole.payout_id = linked.paid_out_by

),

-- Stripe keeps fees in two places: in the fee of a movement, and as movements that are nothing but a fee. What is a
-- fee altogether is both, and each only once, because a movement of the second kind has no fee of its own.
priced as (

    select
        *,
        cast(fee - if(category in ('fee', 'tax'), amount, 0) as decimal(38, 4)) as total_fee_amount
    from owned

),

final as (

    select
        -- ids
        priced.balance_transaction_id,
        priced.org_id,
        priced.source_id,
        priced.charge_id,
        priced.paid_out_by as payout_id,

        -- attributes
        priced.type as transaction_type,
        priced.category as reporting_category,
        priced.status,
        priced.description,

        -- dates
        priced.transaction_date,
        priced.created_at,
        priced.available_at,

        -- amounts
        priced.currency,
        priced.amount,
        priced.fee as fee_amount,
        priced.net as net_amount,
        priced.total_fee_amount,

        -- base currency
        {{ base_amounts('priced', 'priced.transaction_date', 'spot', {
            'amount': 'priced.amount',
            'fee_amount': 'priced.fee',
            'net_amount': 'priced.net',
            'total_fee_amount': 'priced.total_fee_amount',
        }) }},

        -- flags
        priced.category = 'charge' as is_revenue,
        priced.category in ('payout', 'payout_reversal')
        and coalesce(priced.source_id = priced.paid_out_by, false) as is_own_payout
    from priced
    left join organizations on organizations.org_id = priced.org_id
    {{ join_fx_rates('priced', 'priced.transaction_date') }}

)

select * from final
