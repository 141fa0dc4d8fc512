-- As of the batch's day the differences listed by document sum to those of the control accounts, per organization and
-- currency. The two are computed apart: the differences by what was posted, the accounts from the aging and the trial
-- balance, so that an aging that is not what the documents owe shows here too.
select
    coalesce(ties.org_id, differences.org_id) as org_id,
    coalesce(ties.control_account, differences.control_account) as control_account,
    coalesce(ties.currency, differences.currency) as currency,
    ties.difference_amount,
    differences.difference_amount as listed_amount
from (
    select * from {{ ref('fact_control_account_ties') }}
    where as_of_date = date '{{ as_of() }}'
) as ties
full join (
    select control_account, org_id, currency, sum(difference_amount) as difference_amount
    from {{ ref('fact_control_account_differences') }}
    where as_of_date = date '{{ as_of() }}'
    group by control_account, org_id, currency
) as differences
    on differences.control_account = ties.control_account
    and differences.org_id = ties.org_id
    and differences.currency = ties.currency
where coalesce(ties.difference_amount, 0) <> coalesce(differences.difference_amount, 0)
