{{ config(unique_key=['budget_entry_id']) }}

with accounts as (

    select account_id, org_id, account_code, account_name
    from {{ ref('dim_account') }}

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

fx_rates as (

    {{ daily_fx_rates('average') }}

),

entered as (

    select
        entry_id as budget_entry_id,
        'entry' as source,
        account_id,
        scenario,
        budget_month,
        currency,
        amount,
        who,
        created_at as entered_at,
        cast(null as varchar) as file,
        cast(null as bigint) as line
    from {{ ref('stg_app_db__input_budget') }}
    where is_deleted = false

    union all

    select
        concat_ws('/', account_id, cast(budget_month as varchar), scenario) as budget_entry_id,
        'file' as source,
        account_id,
        scenario,
        budget_month,
        cast(null as varchar) as currency,
        amount,
        cast(null as varchar) as who,
        -- the folder it was delivered in: planning/budgets/<day>/<name>
        with_timezone(cast(cast(split_part(_file, '/', 3) as date) as timestamp(6)), 'UTC') as entered_at,
        _file as file,
        _line as line
    from {{ ref('stg_planning__budgets') }}
    where is_deleted = false

),

placed as (

    select
        entered.budget_entry_id,
        entered.source,
        entered.account_id,
        accounts.account_code,
        accounts.account_name,
        accounts.org_id,
        {{ scenario_name('entered.scenario') }} as scenario,
        cast(date_trunc('month', entered.budget_month) as date) as month,
        -- ISO 4217's code for no currency: the amount of an account that nobody knows
        coalesce(entered.currency, organizations.base_currency, 'XXX') as currency,
        cast(entered.amount as decimal(38, 4)) as amount,
        entered.who,
        entered.entered_at,
        entered.file,
        entered.line
    from entered
    left join accounts on accounts.account_id = entered.account_id
    left join organizations on organizations.org_id = accounts.org_id

),

ranked as (

    select
        *,
        last_day_of_month(month) as rate_day,
        row_number() over newest_first as rank,
        lag(budget_entry_id) over newest_first as replaced_by_id
    from placed
    window newest_first as (
        partition by account_id, month, scenario
        -- an entry counts before every file
        order by if(source = 'entry', 0, 1), entered_at desc, file desc, line desc, budget_entry_id desc
    )

),

final as (

    select
        -- ids
        ranked.budget_entry_id,
        ranked.org_id,
        ranked.account_id,
        ranked.replaced_by_id,

        -- attributes
        ranked.account_code,
        ranked.account_name,
        ranked.scenario,
        ranked.source,
        ranked.who,
        ranked.file,

        -- dates
        ranked.month,
        ranked.entered_at,

        -- amounts
        ranked.currency,
        ranked.amount,

        -- base currency
        {{ base_amounts('ranked', 'ranked.rate_day', 'average', {'amount': 'ranked.amount'}) }},

        -- flags
        ranked.rank = 1 and ranked.scenario in ('Budget', 'Forecast') as is_effective,
        ranked.org_id is not null as is_account_known
    from ranked
    left join organizations on organizations.org_id = ranked.org_id
    {{ join_fx_rates('ranked', 'ranked.rate_day') }}

)

select * from final
