-- Debits equal credits in every journal, per organization and currency, on each day that it is posted on. A journal
-- whose lines sum to zero over several days only (is_split_over_days) was dated wrongly in the source: on the days
-- between, no trial balance of any accounting would sum to zero.
select
    org_id,
    journal_id,
    currency,
    entry_date,
    sum(amount) as balance,
    sum(sum(amount)) over (partition by org_id, journal_id, currency) = 0 as is_split_over_days
from {{ ref('stg_app_db__gl_entries') }}
where not is_deleted
group by org_id, journal_id, currency, entry_date
having sum(amount) <> 0
