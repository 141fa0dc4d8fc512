-- On the newest day the leakage is the sum over the open items behind it: per organization, currency and status, to the
-- cent. An older day has no list of its own to be compared with; it is the same query. Nor have the statuses of an item
-- that is dated after the day and was another one until then; one that is dated after the day as a whole is none of the
-- day's.
with newest_day as (

    {{ newest_loaded_day() }}

),

leakage as (

    select org_id, currency, status, items + awaited_items as items, leakage_amount as amount
    from {{ ref('fact_leakage_daily') }}
    where as_of_date = date '{{ as_of() }}' and items + awaited_items > 0

),

open_items as (

    select
        coalesce(org_id, '(none)') as org_id,
        coalesce(currency, '(none)') as currency,
        status,
        count(*) as items,
        coalesce(sum(leakage_amount), 0) as amount
    from {{ ref('fact_reconciliation') }}
    where is_open and first_seen_on <= date '{{ as_of() }}'
    group by 1, 2, 3

),

changing as (

    select distinct
        coalesce(items.org_id, '(none)') as org_id,
        coalesce(items.currency, '(none)') as currency,
        told.status
    from {{ ref('fact_reconciliation') }} as items
    cross join unnest(array[items.status, items.previous_status]) as told (status)
    where items.first_seen_on <= date '{{ as_of() }}' and items.status_since > date '{{ as_of() }}'

)

select
    coalesce(leakage.org_id, open_items.org_id) as org_id,
    coalesce(leakage.currency, open_items.currency) as currency,
    coalesce(leakage.status, open_items.status) as status,
    leakage.items,
    leakage.amount,
    open_items.items as open_items,
    open_items.amount as open_amount
from leakage
full join open_items
    on open_items.org_id = leakage.org_id
    and open_items.currency = leakage.currency
    and open_items.status = leakage.status
left join changing
    on changing.org_id = coalesce(leakage.org_id, open_items.org_id)
    and changing.currency = coalesce(leakage.currency, open_items.currency)
    and changing.status = coalesce(leakage.status, open_items.status)
where (leakage.items is distinct from open_items.items or leakage.amount is distinct from open_items.amount)
    and date '{{ as_of() }}' = (select as_of_date from newest_day)
    and changing.status is null
