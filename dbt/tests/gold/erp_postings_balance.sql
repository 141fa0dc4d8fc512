-- Debits are credits within a transaction of the ERP. One that does not balance lacks a line that is in quarantine or yet
-- to come, or an amount: it is listed and does not keep the other numbers from their readers.
{{ config(severity='warn') }}

select netsuite_transaction_id, min(transaction_number) as transaction_number, base_currency, sum(base_amount) as off
from {{ ref('fact_erp_postings') }}
group by netsuite_transaction_id, base_currency
having sum(base_amount) <> 0
