-- A document's total is its subtotal and its tax, for bills too, which no fact shows yet.
select bill_id, subtotal_amount, tax_amount, total_amount
from {{ ref('stg_app_db__ap_bills') }}
where total_amount <> subtotal_amount + tax_amount
