-- As of the batch's day the ledger's control accounts hold what the open documents sum to, per organization and
-- currency. Where this fails, fact_control_account_differences lists the documents.
-- depends_on: {{ ref('fact_control_account_differences') }}
select *
from {{ ref('fact_control_account_ties') }}
where as_of_date = date '{{ as_of() }}' and not is_tied
