-- A bill's total is its subtotal and its tax. The fact says so too, but has no drafts and no deleted bills.
select bill_id, subtotal_amount, tax_amount, total_amount
from {{ ref('stg_app_db__ap_bills') }}
where total_amount <> subtotal_amount + tax_amount
