-- On the newest day, what a portfolio holds is what its open lots have left. On an older day's rerun the lots stand at
-- a later day, and there is nothing to compare.
with loaded as (

    {{ newest_loaded_day() }}

),

lots as (

    select org_id, portfolio, instrument_id, sum(open_quantity) as quantity, sum(open_cost_amount) as cost_amount
    from {{ ref('fact_lots') }}
    where is_open and (select as_of_date from loaded) = date '{{ as_of() }}'
    group by org_id, portfolio, instrument_id

),

holdings as (

    select *
    from {{ ref('fact_holdings') }}
    where as_of_date = date '{{ as_of() }}' and (select as_of_date from loaded) = date '{{ as_of() }}'

)

select *
from lots
full join holdings
    on holdings.org_id = lots.org_id
    and holdings.portfolio = lots.portfolio
    and holdings.instrument_id = lots.instrument_id
where holdings.quantity is distinct from lots.quantity or holdings.cost_amount is distinct from lots.cost_amount
