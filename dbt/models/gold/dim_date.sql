{{ config(unique_key=['date_day']) }}

with years as (

    select year
    from unnest(sequence({{ var('calendar_first_year') }}, {{ var('calendar_last_year') }})) as years (year)

),

days as (

    -- a year at a time, because one sequence() holds at most 10,000 days
    select date_day
    from years
    cross join unnest(sequence(
        date(format('%d-01-01', year)), date(format('%d-12-31', year))
    )) as days (date_day)

),

shifted as (

    -- the month in which the fiscal year starts becomes January
    select
        date_day,
        date_trunc('month', date_day) + interval '{{ (13 - var("fiscal_year_start_month")) % 12 }}' month as fiscal_day
    from days

),

final as (

    select
        -- calendar
        date_day,
        cast(year(date_day) as integer) as year,
        cast(quarter(date_day) as integer) as quarter,
        cast(month(date_day) as integer) as month,
        date_format(date_day, '%M') as month_name,
        date_trunc('month', date_day) as month_start,
        last_day_of_month(date_day) as month_end,
        cast(year_of_week(date_day) as integer) as iso_year,
        cast(week(date_day) as integer) as iso_week,
        cast(day(date_day) as integer) as day_of_month,
        cast(day_of_week(date_day) as integer) as day_of_week,
        date_format(date_day, '%W') as day_name,

        -- fiscal
        cast(year(fiscal_day) as integer) as fiscal_year,
        cast(quarter(fiscal_day) as integer) as fiscal_quarter,
        cast(month(fiscal_day) as integer) as fiscal_month,

        -- flags
        day_of_week(date_day) > 5 as is_weekend,
        date_day = last_day_of_month(date_day) as is_month_end
    from shifted

)

select * from final
