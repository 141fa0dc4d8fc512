-- Rows in a currency that the app does not know have no exact amounts. They stay, flagged, and are priced by the
-- first run after the currency was added to table currencies.
{{ config(severity='warn') }}

{% for model, key in [
    ('stg_stripe__balance_transactions', 'balance_transaction_id'),
    ('stg_stripe__charges', 'charge_id'),
    ('stg_stripe__refunds', 'refund_id'),
    ('stg_stripe__payouts', 'payout_id'),
    ('stg_stripe__disputes', 'dispute_id'),
    ('stg_stripe__invoices', 'stripe_invoice_id'),
    ('stg_stripe__customers', 'stripe_customer_id'),
] %}
select '{{ model }}' as model, {{ key }} as id, currency
from {{ ref(model) }}
where not is_currency_known
{{ 'union all' if not loop.last }}
{% endfor %}
