-- A plan on an account that no chart has, or of a scenario that is neither Budget nor Forecast: it is kept and listed,
-- and enters no comparison until its file is delivered anew or the account is there.
{{ config(severity='warn') }}

select budget_entry_id, account_id, month, scenario, file, amount
from {{ ref('fact_budget_entries') }}
where not is_account_known or scenario not in ('Budget', 'Forecast')
