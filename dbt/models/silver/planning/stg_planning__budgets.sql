{{ config(unique_key=['account_id', 'budget_month', 'scenario']) }}

with source as (

    {{ newest_delivered(source('planning', 'budgets'), key=['account_id', 'budget_month', 'scenario']) }}

),

final as (

    select
        -- ids
        account_id,

        -- attributes
        scenario,

        -- dates
        budget_month,

        -- amounts
        amount_signed as amount,

        -- lineage
        false as is_deleted,
        _batch,
        _extracted_at,
        _file,
        _line
    from source

)

select * from final
