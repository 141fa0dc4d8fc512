{{ config(
    unique_key=['as_of_date', 'org_id', 'currency', 'status'],
    meta={'rewrites_day': 'as_of_date'},
    full_refresh=false,
    properties={'partitioning': "array['month(as_of_date)']"},
) }}
{# full_refresh=false: a rebuild knows its own day only and would lose the others; it rewrites its day instead #}
{% set as_of_date = "date '" ~ as_of() ~ "'" %}

with items as (

    select
        *,
        if(status_since <= {{ as_of_date }}, status, previous_status) as status_then,
        if(
            status_since <= {{ as_of_date }}, {{ lacking_amount('status') }}, previous_variance_amount
        ) as lacking_amount
    from {{ ref('fact_reconciliation') }}
    where first_seen_on <= {{ as_of_date }}
        and (is_open or resolved_on >= {{ as_of_date }})

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('closing') }}

),

judged as (

    select
        *,
        {{ is_unsettled('status_then') }} as is_open_then,
        status_then = 'missing_in_erp'
        and {{ is_posting_awaited('stripe_created_at', as_of_date) }} as is_awaited_then
    from items

),

leaks as (

    select
        coalesce(org_id, '(none)') as org_id,
        coalesce(currency, '(none)') as currency,
        if(is_open_then, status_then, previous_status) as status,
        count_if(is_open_then and not is_awaited_then) as items,
        count_if(is_open_then and is_awaited_then) as awaited_items,
        count_if(is_open_then and first_seen_on = {{ as_of_date }}) as opened_items,
        count_if(not is_open_then) as resolved_items,
        min(if(is_open_then, first_seen_on)) as oldest_item_on,
        coalesce(sum(lacking_amount) filter (
            where is_open_then and not is_awaited_then and lacking_amount > 0
        ), 0) as understated_amount,
        coalesce(-sum(lacking_amount) filter (
            where is_open_then and not is_awaited_then and lacking_amount < 0
        ), 0) as overstated_amount,
        coalesce(sum(abs(lacking_amount)) filter (where is_open_then and is_awaited_then), 0) as awaited_amount
    from judged
    where is_open_then
        -- settled on this very day, and open until then
        or (resolved_on = {{ as_of_date }} and {{ is_unsettled('previous_status') }})
    group by 1, 2, 3

),

final as (

    select
        -- ids
        leaks.org_id,

        -- attributes
        leaks.status,

        -- dates
        {{ as_of_date }} as as_of_date,
        leaks.oldest_item_on,

        -- counts
        leaks.items,
        leaks.awaited_items,
        leaks.opened_items,
        leaks.resolved_items,

        -- amounts
        leaks.currency,
        cast(leaks.understated_amount + leaks.overstated_amount as decimal(38, 4)) as leakage_amount,
        cast(leaks.understated_amount as decimal(38, 4)) as understated_amount,
        cast(leaks.overstated_amount as decimal(38, 4)) as overstated_amount,
        cast(leaks.awaited_amount as decimal(38, 4)) as awaited_amount,

        -- base currency
        {{ base_amounts('leaks', as_of_date, 'closing', {
            'leakage_amount': 'leaks.understated_amount + leaks.overstated_amount',
        }) }}
    from leaks
    left join organizations on organizations.org_id = leaks.org_id
    {{ join_fx_rates('leaks', as_of_date) }}

)

select * from final
