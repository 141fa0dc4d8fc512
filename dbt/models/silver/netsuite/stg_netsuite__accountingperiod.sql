{{ config(unique_key=['accounting_period_id']) }}

with source as (

    {{ newest_delivered(source('netsuite', 'accountingperiod'), key=['id']) }}

),

final as (

    select
        -- ids
        id as accounting_period_id,

        -- attributes
        periodname as period_name,

        -- dates
        startdate as start_date,
        enddate as end_date,
        lastmodifieddate as modified_at,

        -- flags
        closed as is_closed,
        isquarter as is_quarter,
        isyear as is_year,
        isadjust as is_adjustment,

        -- lineage
        coalesce(deleted, false) as is_deleted,
        _batch,
        _extracted_at,
        _file,
        _line
    from source

)

select * from final
