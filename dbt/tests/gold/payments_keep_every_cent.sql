-- Per currency, direction and status, the fact has every payment with its amount. What was allocated is held against
-- the documents (receipts_settle_what_invoices_show, disbursements_settle_what_bills_show).
with silver as (

    select currency, direction, status, sum(amount) as amount, count(*) as payments
    from {{ ref('stg_app_db__payments') }}
    where is_deleted = false
    group by currency, direction, status

),

gold as (

    select currency, direction, status, sum(amount) as amount, count(*) as payments
    from {{ ref('fact_payments') }}
    group by currency, direction, status

)

select *
from silver
full join gold
    on gold.currency = silver.currency and gold.direction = silver.direction and gold.status = silver.status
where gold.amount is distinct from silver.amount or gold.payments is distinct from silver.payments
