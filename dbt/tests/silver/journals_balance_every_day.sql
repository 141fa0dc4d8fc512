-- Debits equal credits in every journal, per organization and currency, on each day that it is posted on. A journal
-- whose lines sum to zero over several days only (is_split_over_days) was dated wrongly in the source: on the days
-- between, no trial balance of any accounting would sum to zero. Where rows have been tested before, journals of lines
-- that were written since are looked at, those they were moved from too.
{% set entries = ref('stg_app_db__gl_entries') %}
{% set since = untested_since(entries) %}
select
    org_id,
    journal_id,
    currency,
    entry_date,
    sum(amount) as balance,
    sum(sum(amount)) over (partition by org_id, journal_id, currency) = 0 as is_split_over_days
from {{ entries }}
where is_deleted = false
    {%- if since %}
    and journal_id in (
        select journal_id from {{ entries }} as written where {{ is_changed('written', since) }}
        union
        {{ ever_named('journal_id', 'gl_entries', 'gl_entry_id', since) }}
    )
    {%- endif %}
group by org_id, journal_id, currency, entry_date
having sum(amount) <> 0
