-- Per currency, the fact's sums are those of the documents, allocations and credit notes it was built from. Allocations
-- and credit notes count wherever they point: one to a draft or a deleted invoice would be lost, and fails here.
with silver as (

    select currency, total_amount as total, 0 as allocated, 0 as credited
    from {{ ref('stg_app_db__ar_invoices') }}
    where not is_deleted and status <> 'draft'

    union all

    select allocations.currency, 0, allocations.amount, 0
    from {{ ref('stg_app_db__payment_allocations') }} as allocations
    inner join {{ ref('stg_app_db__payments') }} as payments on payments.payment_id = allocations.payment_id
    where allocations.invoice_id is not null and not allocations.is_deleted
        and payments.status = 'succeeded' and not payments.is_deleted

    union all

    select currency, 0, 0, amount
    from {{ ref('stg_app_db__credit_notes') }}
    where invoice_id is not null and not is_deleted and status = 'issued'

),

gold as (

    select currency, sum(total_amount) as total, sum(allocated_amount) as allocated, sum(credited_amount) as credited
    from {{ ref('fact_ar_invoices') }}
    group by currency

),

made_from as (

    select currency, sum(total) as total, sum(allocated) as allocated, sum(credited) as credited
    from silver
    group by currency

)

select *
from made_from
full join gold on gold.currency = made_from.currency
where gold.total is distinct from made_from.total
    or gold.allocated is distinct from made_from.allocated
    or gold.credited is distinct from made_from.credited
