-- What payments out say they settled is what bills say was settled.
select *
from (
    select currency, sum(allocated_amount) as allocated
    from {{ ref('fact_payments') }}
    where direction = 'out'
    group by currency
) as payments
full join (
    select currency, sum(allocated_amount) as allocated
    from {{ ref('fact_ap_bills') }}
    group by currency
) as bills on bills.currency = payments.currency
where coalesce(bills.allocated, 0) <> coalesce(payments.allocated, 0)
