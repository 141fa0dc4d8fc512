{{ config(unique_key=['category_rule_id']) }}

with source as (

    {{ newest_extracted(source('app_db', 'bank_category_rules'), key=['id']) }}

),

final as (

    select
        -- ids
        id as category_rule_id,
        org_id,

        -- attributes
        name,
        priority,
        section,
        category,

        -- conditions
        direction,
        payment_link,
        counterparty_contains,
        description_contains,
        currency,
        amount_from,
        amount_to,

        -- dates
        created_at,
        updated_at,

        -- flags
        is_active,

        -- lineage
        _is_gone as is_deleted,
        _changed_batch as _batch,
        _changed_at as _extracted_at,
        _values_at
    from source

)

select * from final
