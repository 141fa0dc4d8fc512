-- As of the batch's day the ledger's control accounts hold what the open documents sum to, per organization and
-- currency. Where this fails, fact_control_account_differences lists the documents. Each day of a backfill is a run and
-- an as-of date of its own, and so is asked for itself; a day without a run has no row. A day that did not tie keeps
-- saying so (is_tied) until it is run again: it must not stop the days on which the books do tie.
-- depends_on: {{ ref('fact_control_account_differences') }}
select *
from {{ ref('fact_control_account_ties') }}
where as_of_date = date '{{ as_of() }}' and not is_tied
