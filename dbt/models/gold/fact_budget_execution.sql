{{ config(unique_key=['entry_id', 'valid_from']) }}

with programs as (

    select * from {{ ref('stg_app_db__program_budgets') }} where is_deleted = false

),

line_items as (

    select * from {{ ref('stg_app_db__budget_line_items') }} where is_deleted = false

),

allotments as (

    select * from {{ ref('stg_app_db__allotments') }} where is_deleted = false

),

obligations as (

    select * from {{ ref('stg_app_db__obligations') }} where is_deleted = false

),

disbursements as (

    select * from {{ ref('stg_app_db__disbursements') }} where is_deleted = false

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('spot') }}

),

-- every booking with its place; an adjustment stands at the place of what it adjusts
bookings as (

    select
        coalesce(adjusts_id, budget_line_item_id) as line_item_id,
        cast(null as varchar) as allotment_id,
        cast(null as varchar) as obligation_id,
        entry_date,
        amount as budgeted,
        0 as allotted,
        0 as obligated,
        0 as disbursed
    from line_items

    union all

    select budget_line_item_id, coalesce(adjusts_id, allotment_id), null, entry_date, 0, amount, 0, 0
    from allotments

    union all

    select
        allotments.budget_line_item_id,
        obligations.allotment_id,
        coalesce(obligations.adjusts_id, obligations.obligation_id),
        obligations.entry_date,
        0,
        0,
        obligations.amount,
        0
    from obligations
    inner join allotments on allotments.allotment_id = obligations.allotment_id

    union all

    select
        allotments.budget_line_item_id,
        obligations.allotment_id,
        disbursements.obligation_id,
        disbursements.entry_date,
        0,
        0,
        0,
        disbursements.amount
    from disbursements
    inner join obligations on obligations.obligation_id = disbursements.obligation_id
    inner join allotments on allotments.allotment_id = obligations.allotment_id

),

-- what each day changes at each level: a booking counts at its own level and at those above
changes as (

    select
        levels.level,
        levels.entry_id,
        min(bookings.line_item_id) as line_item_id,
        min(bookings.allotment_id) filter (where levels.level <> 'line_item') as allotment_id,
        bookings.entry_date,
        sum(bookings.budgeted) as budgeted,
        sum(bookings.allotted) as allotted,
        sum(bookings.obligated) as obligated,
        sum(bookings.disbursed) as disbursed
    from bookings
    cross join unnest(
        array['line_item', 'allotment', 'obligation'],
        array[line_item_id, allotment_id, obligation_id]
    ) as levels (level, entry_id)
    where levels.entry_id is not null
    group by levels.level, levels.entry_id, bookings.entry_date

),

balances as (

    select
        level,
        entry_id,
        line_item_id,
        allotment_id,
        entry_date as valid_from,
        coalesce(lead(entry_date) over by_day - interval '1' day, date '9999-12-31') as valid_to,
        if(level = 'line_item', cast(sum(budgeted) over by_day as decimal(38, 4))) as budgeted_amount,
        if(level <> 'obligation', cast(sum(allotted) over by_day as decimal(38, 4))) as allotted_amount,
        cast(sum(obligated) over by_day as decimal(38, 4)) as obligated_amount,
        cast(sum(disbursed) over by_day as decimal(38, 4)) as disbursed_amount
    from changes
    window by_day as (partition by level, entry_id order by entry_date)

),

placed as (

    select
        balances.*,
        line_items.org_id,
        line_items.program_budget_id,
        line_items.account_id,
        line_items.line_number,
        line_items.currency,
        programs.program_code,
        programs.name as program_name,
        programs.fiscal_year,
        programs.adopted_on,
        allotments.quarter,
        case balances.level
            when 'line_item' then line_items.line_number
            when 'allotment' then allotments.reference
            else obligations.reference
        end as reference
    from balances
    inner join line_items on line_items.budget_line_item_id = balances.line_item_id
    inner join programs on programs.program_budget_id = line_items.program_budget_id
    left join allotments on allotments.allotment_id = balances.allotment_id
    left join obligations on obligations.obligation_id = balances.entry_id

),

final as (

    select
        -- ids
        placed.entry_id,
        placed.org_id,
        placed.program_budget_id,
        placed.line_item_id,
        placed.allotment_id,
        placed.account_id,

        -- attributes
        placed.level,
        placed.reference,
        placed.program_code,
        placed.program_name,
        placed.fiscal_year,
        placed.quarter,
        placed.line_number,

        -- dates
        placed.valid_from,
        placed.valid_to,

        -- amounts
        placed.currency,
        placed.budgeted_amount,
        placed.allotted_amount,
        placed.budgeted_amount - placed.allotted_amount as unallotted_amount,
        placed.obligated_amount,
        placed.allotted_amount - placed.obligated_amount as unobligated_amount,
        placed.disbursed_amount,
        placed.obligated_amount - placed.disbursed_amount as undisbursed_amount,
        {{ ratio(
            'placed.disbursed_amount',
            'coalesce(placed.budgeted_amount, placed.allotted_amount, placed.obligated_amount)',
        ) }} as execution_rate,

        -- base currency
        {{ base_amounts('placed', 'placed.adopted_on', 'spot', {
            'budgeted_amount': 'placed.budgeted_amount',
            'allotted_amount': 'placed.allotted_amount',
            'unallotted_amount': 'placed.budgeted_amount - placed.allotted_amount',
            'obligated_amount': 'placed.obligated_amount',
            'unobligated_amount': 'placed.allotted_amount - placed.obligated_amount',
            'disbursed_amount': 'placed.disbursed_amount',
            'undisbursed_amount': 'placed.obligated_amount - placed.disbursed_amount',
        }) }},

        -- flags
        least(
            coalesce(placed.budgeted_amount - placed.allotted_amount, 0),
            coalesce(placed.allotted_amount - placed.obligated_amount, 0),
            placed.obligated_amount - placed.disbursed_amount
        ) < 0 as is_overdrawn
    from placed
    left join organizations on organizations.org_id = placed.org_id
    {{ join_fx_rates('placed', 'placed.adopted_on') }}

)

select * from final
