-- On every day on which anything changed, what a line item says of its allotments is what they say, and what an
-- allotment says of its obligations is what those say.
with fact as (

    select * from {{ ref('fact_budget_execution') }}

),

above as (

    select entry_id, 'allotment' as level_below, valid_from, allotted_amount as amount, obligated_amount, disbursed_amount
    from fact
    where level = 'line_item'

    union all

    select entry_id, 'obligation', valid_from, obligated_amount, obligated_amount, disbursed_amount
    from fact
    where level = 'allotment'

),

below as (

    select
        above.entry_id,
        above.valid_from,
        sum(coalesce(fact.allotted_amount, fact.obligated_amount)) as amount,
        sum(fact.obligated_amount) as obligated_amount,
        sum(fact.disbursed_amount) as disbursed_amount
    from above
    inner join fact
        on fact.level = above.level_below
        and above.entry_id = if(fact.level = 'allotment', fact.line_item_id, fact.allotment_id)
        and above.valid_from between fact.valid_from and fact.valid_to
    group by above.entry_id, above.valid_from

)

select *
from above
left join below on below.entry_id = above.entry_id and below.valid_from = above.valid_from
where above.amount <> coalesce(below.amount, 0)
    or above.obligated_amount <> coalesce(below.obligated_amount, 0)
    or above.disbursed_amount <> coalesce(below.disbursed_amount, 0)
