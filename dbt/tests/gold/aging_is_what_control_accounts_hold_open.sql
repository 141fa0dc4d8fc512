-- As of the batch's day the buckets of both agings sum to what the control accounts have open, per organization and
-- currency, and the differences listed by document sum to those of the accounts. The two sides are computed apart:
-- the aging by document, the differences by what was posted.
with aging as (

    select 'receivable' as control_account, org_id, currency, count(*) as documents, sum(remaining_amount) as amount
    from {{ ref('fact_ar_aging') }}
    where as_of_date = date '{{ as_of() }}'
    group by org_id, currency

    union all

    select 'payable', org_id, currency, count(*), sum(remaining_amount)
    from {{ ref('fact_ap_aging') }}
    where as_of_date = date '{{ as_of() }}'
    group by org_id, currency

),

ties as (

    select * from {{ ref('fact_control_account_ties') }}
    where as_of_date = date '{{ as_of() }}'

),

differences as (

    select control_account, org_id, currency, sum(difference_amount) as amount
    from {{ ref('fact_control_account_differences') }}
    where as_of_date = date '{{ as_of() }}'
    group by control_account, org_id, currency

),

open_sides as (

    select
        coalesce(ties.org_id, aging.org_id) as org_id,
        coalesce(ties.control_account, aging.control_account) as control_account,
        coalesce(ties.currency, aging.currency) as currency
    from ties
    full join aging
        on aging.control_account = ties.control_account
        and aging.org_id = ties.org_id
        and aging.currency = ties.currency
    where coalesce(ties.open_amount, 0) <> coalesce(aging.amount, 0)
        or coalesce(ties.open_documents, 0) <> coalesce(aging.documents, 0)

),

listed as (

    select
        coalesce(ties.org_id, differences.org_id) as org_id,
        coalesce(ties.control_account, differences.control_account) as control_account,
        coalesce(ties.currency, differences.currency) as currency
    from ties
    full join differences
        on differences.control_account = ties.control_account
        and differences.org_id = ties.org_id
        and differences.currency = ties.currency
    where coalesce(ties.difference_amount, 0) <> coalesce(differences.amount, 0)

)

select 'open' as what, * from open_sides
union all
select 'listed', * from listed
