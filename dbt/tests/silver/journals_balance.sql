-- Debits equal credits in every journal, per currency.
select journal_id, currency, sum(amount) as balance
from {{ ref('stg_app_db__gl_entries') }}
where not is_deleted
group by journal_id, currency
having sum(amount) <> 0
