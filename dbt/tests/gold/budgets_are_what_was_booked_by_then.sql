-- At the end of every month, per currency, the fact's balances are the sums of what Silver holds as booked by then.
with bookings as (

    select currency, entry_date, amount as budgeted, 0 as allotted, 0 as obligated, 0 as disbursed
    from {{ ref('stg_app_db__budget_line_items') }}
    where is_deleted = false

    union all

    select currency, entry_date, 0, amount, 0, 0 from {{ ref('stg_app_db__allotments') }} where is_deleted = false

    union all

    select currency, entry_date, 0, 0, amount, 0 from {{ ref('stg_app_db__obligations') }} where is_deleted = false

    union all

    select currency, entry_date, 0, 0, 0, amount from {{ ref('stg_app_db__disbursements') }} where is_deleted = false

),

months as (

    select distinct currency, last_day_of_month(entry_date) as month_end
    from bookings

),

booked as (

    select
        months.currency,
        months.month_end,
        sum(bookings.budgeted) as budgeted,
        sum(bookings.allotted) as allotted,
        sum(bookings.obligated) as obligated,
        sum(bookings.disbursed) as disbursed
    from months
    inner join bookings on bookings.currency = months.currency and bookings.entry_date <= months.month_end
    group by months.currency, months.month_end

),

stood as (

    select
        months.currency,
        months.month_end,
        sum(fact.budgeted_amount) as budgeted,
        sum(fact.allotted_amount) as allotted,
        sum(fact.obligated_amount) as obligated,
        sum(fact.disbursed_amount) as disbursed
    from months
    inner join {{ ref('fact_budget_execution') }} as fact
        on fact.currency = months.currency
        and fact.level = 'line_item'
        and months.month_end between fact.valid_from and fact.valid_to
    group by months.currency, months.month_end

)

select *
from booked
left join stood on stood.currency = booked.currency and stood.month_end = booked.month_end
where (stood.budgeted, stood.allotted, stood.obligated, stood.disbursed)
    is distinct from (booked.budgeted, booked.allotted, booked.obligated, booked.disbursed)
