{# The rate that holds on each day: org_id, from_currency, to_currency, fx_day, fx_rate, fx_rate_date.

   The newest rate on or before a day counts, for at most var('fx_max_age_days') days: an old rate is not passed off as
   today's. Rates are spread over days so that a document finds its rate by equality, not by a range. #}
{% macro daily_fx_rates(rate_type) %}
    select
        org_id,
        from_currency,
        to_currency,
        rate as fx_rate,
        rate_date as fx_rate_date,
        fx_day
    from (
        select
            *,
            lead(rate_date) over (
                partition by org_id, from_currency, to_currency order by rate_date, updated_at
            ) as next_rate_date
        from {{ ref('stg_app_db__fx_rates') }}
        where is_deleted = false and rate_type = '{{ rate_type }}'
    )
    cross join unnest(sequence(
        rate_date,
        least(
            coalesce(next_rate_date - interval '1' day, date '9999-12-31'),
            rate_date + interval '{{ var("fx_max_age_days") }}' day
        )
    )) as days (fx_day)
    -- of two rates for one day the one written last counts; sequence() would run backwards for the other
    where next_rate_date is null or next_rate_date > rate_date
{% endmacro %}
