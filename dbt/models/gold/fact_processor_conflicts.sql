{#- What Stripe never changes in an object once it is made: two deliveries that differ in it contradict each other,
    however far they are apart. Other columns change in the course of an object's life; within one batch they must not.
    name: of the table in config/sources/stripe.yml; key: its column in Silver. -#}
{%- set objects = [
    {'name': 'balance_transactions', 'key': 'balance_transaction_id', 'amount': 'amount',
     'fixed': ['type', 'source', 'currency', 'amount', 'fee', 'net', 'created']},
    {'name': 'charges', 'key': 'charge_id', 'amount': 'amount', 'fixed': ['currency', 'amount', 'created']},
    {'name': 'refunds', 'key': 'refund_id', 'amount': 'amount', 'fixed': ['charge', 'currency', 'amount', 'created']},
    {'name': 'payouts', 'key': 'payout_id', 'amount': 'amount', 'fixed': ['currency', 'amount', 'created']},
    {'name': 'disputes', 'key': 'dispute_id', 'amount': 'amount', 'fixed': ['charge', 'currency', 'created']},
    {'name': 'invoices', 'key': 'stripe_invoice_id', 'amount': 'total', 'fixed': ['created']},
    {'name': 'customers', 'key': 'stripe_customer_id', 'amount': 'balance', 'fixed': ['created']},
] -%}
{{ config(unique_key=['conflict_id']) }}

with contradicted as (

    -- versions that lost within their batch, as extraction recorded them
    select entity, file, line
    from {{ source('quarantine', 'quarantine') }}
    where source = 'stripe' and reason_code = 'conflicting_duplicate'

),

{% for object in objects %}
{{ object.name }}_lost as (

    -- Of the days that one batch took, a later day's file may say what happened since; one day's files may not.
    select lost.id, lost._file, lost._line
    from (
        select delivered.id, delivered._batch, delivered._file, delivered._line
        from {{ source('stripe', object.name) }} as delivered
        inner join contradicted
            on contradicted.entity = '{{ object.name }}'
            and contradicted.file = delivered._file
            and contradicted.line = delivered._line
    ) as lost
    inner join {{ source('stripe', object.name) }} as others on others.id = lost.id and others._batch = lost._batch
    group by lost.id, lost._file, lost._line
    having split_part(lost._file, '/', 3) is not distinct from split_part(max(others._file), '/', 3)

),

{{ object.name }} as (

    select
        '{{ object.name }}' as entity,
        delivered.id as object_id,
        delivered._batch as batch,
        delivered._file as file,
        delivered._line as line,
        counted._batch as counted_batch,
        counted._file as counted_file,
        counted._line as counted_line,
        lost.id is not null as is_within_batch,
        array_join(filter(array[
            {%- for column in object.fixed %}
            if(delivered.{{ column }} is distinct from versions.{{ column }}, '{{ column }}')
            {{- ',' if not loop.last }}
            {%- endfor %}
        ], name -> name is not null), ', ') as differing_columns,
        upper(delivered.currency) as currency,
        delivered.{{ object.amount }} as delivered_amount_minor,
        versions.{{ object.amount }} as counted_amount_minor
    from {{ source('stripe', object.name) }} as delivered
    inner join {{ ref('stg_stripe__' ~ object.name) }} as counted on counted.{{ object.key }} = delivered.id
    inner join {{ source('stripe', object.name) }} as versions
        on versions.id = delivered.id and versions._file = counted._file and versions._line = counted._line
    left join {{ object.name }}_lost as lost
        on lost.id = delivered.id and lost._file = delivered._file and lost._line = delivered._line
    where (delivered._file, delivered._line) <> (counted._file, counted._line)
        and (
            lost.id is not null
            {%- for column in object.fixed %}
            or delivered.{{ column }} is distinct from versions.{{ column }}
            {%- endfor %}
        )

),
{% endfor %}

conflicts as (

    {% for object in objects %}
    select * from {{ object.name }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

currencies as (

    select currency_code, {{ stripe_minor_unit() }} as minor_unit
    from {{ ref('stg_app_db__currencies') }}
    where is_deleted = false

),

organizations as (

    select org_id, base_currency
    from {{ ref('stg_app_db__organizations') }}

),

owners as (

    select balance_transaction_id as object_id, 'balance_transactions' as entity, org_id
    from {{ ref('fact_processor_transactions') }}
    union all
    select source_id, 'charges', min(org_id)
    from {{ ref('fact_processor_transactions') }}
    where reporting_category = 'charge'
    group by source_id
    union all
    select source_id, 'refunds', min(org_id)
    from {{ ref('fact_processor_transactions') }}
    where reporting_category = 'refund'
    group by source_id
    union all
    select payout_id, 'payouts', org_id
    from {{ ref('fact_payout_reconciliation') }}

),

fx_rates as (

    {{ daily_fx_rates('spot') }}

),

priced as (

    select
        conflicts.*,
        owners.org_id,
        {{ minor_to_decimal('conflicts.delivered_amount_minor', 'currencies.minor_unit') }} as delivered_amount,
        {{ minor_to_decimal('conflicts.counted_amount_minor', 'currencies.minor_unit') }} as counted_amount
    from conflicts
    left join currencies on currencies.currency_code = conflicts.currency
    left join owners on owners.entity = conflicts.entity and owners.object_id = conflicts.object_id

),

final as (

    select
        -- ids
        concat_ws('/', priced.entity, priced.object_id, priced.file, cast(priced.line as varchar)) as conflict_id,
        priced.org_id,
        priced.object_id,

        -- attributes
        priced.entity,
        if(priced.is_within_batch, 'within_batch', 'redelivered') as conflict_type,
        if(priced.differing_columns = '', 'others', priced.differing_columns) as differing_columns,
        priced.file,
        priced.line,
        priced.counted_file,
        priced.counted_line,

        -- dates
        priced.batch,
        priced.counted_batch,

        -- amounts
        priced.currency,
        priced.delivered_amount,
        priced.counted_amount,

        -- base currency
        {{ base_amounts('priced', 'priced.batch', 'spot', {
            'delivered_amount': 'priced.delivered_amount',
        }) }}
    from priced
    left join organizations on organizations.org_id = priced.org_id
    {{ join_fx_rates('priced', 'priced.batch') }}

)

select * from final
