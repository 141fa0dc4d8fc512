{# What Stripe's extracts leave open, said once. #}


{# The rows that were read of one of Stripe's tables of money, with
     minor_unit          digits that its currency's minor units have; NULL where nobody knows the currency
     is_currency_known   whether the app database knows the currency
   A row whose currency nobody knew is read again each day, until the app database has the currency. #}
{% macro newest_of_stripe(table, first_batch=false) %}
    select
        delivered.*,
        currencies.minor_unit,
        currencies.currency_code is not null as is_currency_known
    from (
        {{ newest_delivered(source('stripe', table), ['id'], 'not is_currency_known', first_batch) }}
    ) as delivered
    left join (
        select currency_code, {{ stripe_minor_unit() }} as minor_unit
        from {{ ref('stg_app_db__currencies') }}
        where is_deleted = false
    ) as currencies
        on currencies.currency_code = upper(delivered.currency)
{% endmacro %}


{# The reporting category of a movement of the balance: what Stripe gives, else Stripe's published mapping of types
   (docs.stripe.com/reports/reporting-categories). An adjustment is told by the object that caused it: of a dispute by
   its sign, of a refund always a refund that failed. A type that the mapping does not change is its own category. #}
{% macro reporting_category(transaction, is_dispute, is_refund) -%}
    coalesce(nullif({{ transaction }}.reporting_category, ''), case
        when {{ transaction }}.type = 'payment' then 'charge'
        when {{ transaction }}.type = 'payment_failure_refund' then 'charge_failure'
        when {{ transaction }}.type = 'payment_refund' then 'refund'
        when {{ transaction }}.type = 'adjustment' and {{ is_dispute }}
            then if({{ transaction }}.amount_minor > 0, 'dispute_reversal', 'dispute')
        when {{ transaction }}.type = 'adjustment' and {{ is_refund }} then 'refund_failure'
        when {{ transaction }}.type = 'adjustment' then 'other_adjustment'
        when {{ transaction }}.type in ('stripe_fee', 'stripe_fx_fee') then 'fee'
        when {{ transaction }}.type = 'tax_fee' then 'tax'
        when {{ transaction }}.type = 'application_fee' then 'platform_earning'
        when {{ transaction }}.type = 'application_fee_refund' then 'platform_earning_refund'
        when {{ transaction }}.type in ('payout_cancel', 'payout_failure') then 'payout_reversal'
        when {{ transaction }}.type in ('transfer_cancel', 'transfer_failure', 'transfer_refund')
            then 'transfer_reversal'
        when {{ transaction }}.type = 'reserve_transaction' then 'connect_reserved_funds'
        when {{ transaction }}.type in ('reserved_funds', 'reserve_hold', 'reserve_release') then 'risk_reserved_funds'
        when {{ transaction }}.type in ('payment_network_reserve_hold', 'payment_network_reserve_release')
            then 'payment_network_reserved_funds'
        when {{ transaction }}.type in ('obligation_outbound', 'obligation_reversal_inbound') then 'obligation'
        else {{ transaction }}.type
    end)
{%- endmacro %}


{# How the id of a payout or top-up looks in a text: NetSuite's external id, or what a bank writes. #}
{% macro payout_pattern() -%}
    '\b(?:po|tu)_[0-9A-Za-z]+'
{%- endmacro %}


{# What the bank booked for payouts and top-ups: a row a payout and currency, with what came, less what went back. #}
{% macro payout_bookings() %}
    select
        payout_id,
        currency,
        min(org_id) as org_id,
        sum(amount) as amount,
        min(booked_on) as booked_on,
        count(*) as bookings
    from {{ ref('stg_app_db__bank_transactions') }}
    -- unnested, because a pattern in an expression is searched for once to filter and once more to select; the
    -- description's id comes before the counterparty's
    cross join unnest(
        slice(regexp_extract_all(concat_ws(' ', description, counterparty), {{ payout_pattern() }}), 1, 1)
    ) as named (payout_id)
    -- what carries out a payment of the app is none, even if its text names a purchase order
    where is_deleted = false
        and payment_id is null
        and transfer_group_id is null
        -- most texts name none, which three letters tell at a fraction of what a pattern costs
        and (
            strpos(description, 'po_') > 0 or strpos(counterparty, 'po_') > 0
            or strpos(description, 'tu_') > 0 or strpos(counterparty, 'tu_') > 0
        )
    group by payout_id, currency
{% endmacro %}


{# NetSuite's transactions of payouts and top-ups by external id: a row a payout and currency. An external id may go on
   after the payout's id, as that of a reversal has to. A subsidiary is that of one organization; a deleted one may have
   had it before. #}
{% macro payout_deposits() %}
    select
        deposits.payout_id,
        deposits.currency,
        min(deposits.transaction_id) as netsuite_transaction_id,
        min(organizations.org_id) as org_id,
        sum(deposits.amount) as amount,
        min(deposits.deposited_on) as deposited_on,
        count(*) as deposits
    from (
        select
            transactions.transaction_id,
            regexp_extract(transactions.external_id, {{ payout_pattern() }}) as payout_id,
            min(currencies.currency_code) as currency,
            min(lines.subsidiary_id) as subsidiary_id,
            sum(lines.amount) as amount,
            cast(min(transactions.transaction_date) as date) as deposited_on
        from {{ ref('stg_netsuite__transaction') }} as transactions
        left join {{ ref('stg_netsuite__transactionline') }} as lines
            on lines.transaction_id = transactions.transaction_id
            and lines.is_main_line
            and lines.is_deleted = false
        left join {{ ref('stg_netsuite__currency') }} as currencies
            on currencies.currency_id = transactions.currency_id
        where regexp_like(transactions.external_id, '^(po|tu)_') and transactions.is_deleted = false
        group by transactions.transaction_id, transactions.external_id
    ) as deposits
    left join {{ ref('stg_app_db__organizations') }} as organizations
        on organizations.netsuite_subsidiary_id = deposits.subsidiary_id
        and organizations.is_deleted = false
    group by deposits.payout_id, deposits.currency
{% endmacro %}


{# Whose a payout or top-up is: the organization that the payout's metadata names, else the one whose bank booked it,
   else that of NetSuite's subsidiary. A row a payout that anything is known of. #}
{% macro payout_owners() %}
    select payout_id, min_by(org_id, preference) as org_id
    from (
        select payouts.payout_id, organizations.org_id, 1 as preference
        from {{ ref('stg_stripe__payouts') }} as payouts
        inner join {{ ref('stg_app_db__organizations') }} as organizations
            on organizations.org_id = lower(json_extract_scalar(payouts.metadata, '$.org_id'))
        union all
        select payout_id, org_id, 2 as preference from bookings
        union all
        select payout_id, org_id, 3 as preference from deposits
    )
    where org_id is not null
    group by payout_id
{% endmacro %}
