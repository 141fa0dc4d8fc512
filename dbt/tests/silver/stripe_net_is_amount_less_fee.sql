-- The first rule of Stripe's books: what a movement adds to the balance is its amount less its fee.
select *
from {{ ref('stg_stripe__balance_transactions') }}
where net_minor <> amount_minor - fee_minor
