-- What payments in say they settled is what invoices say was settled.
select *
from (
    select currency, sum(allocated_amount) as allocated
    from {{ ref('fact_payments') }}
    where direction = 'in'
    group by currency
) as payments
full join (
    select currency, sum(allocated_amount) as allocated
    from {{ ref('fact_ar_invoices') }}
    group by currency
) as invoices on invoices.currency = payments.currency
where coalesce(invoices.allocated, 0) <> coalesce(payments.allocated, 0)
