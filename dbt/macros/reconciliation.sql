{# What fact_reconciliation and the leakage share. #}


{# Whether a movement of Stripe's balance is an item: a charge or payment, a refund of one, or what came back of a refund
   that failed, which is an adjustment in older accounts. #}
{% macro is_item(type, source_id) -%}
    (
        {{ type }} in ('charge', 'payment', 'refund', 'payment_refund', 'refund_failure')
        or ({{ type }} = 'adjustment' and {{ names_refund(source_id) }})
    )
{%- endmacro %}


{# Whether an id is that of a refund. #}
{% macro names_refund(id) -%}
    (starts_with({{ id }}, 're_') or starts_with({{ id }}, 'pyr_'))
{%- endmacro %}


{# Whether an id is that of a charge, or of a payment, as Stripe calls a charge of what is no card. #}
{% macro names_charge(id) -%}
    (starts_with({{ id }}, 'ch_') or starts_with({{ id }}, 'py_'))
{%- endmacro %}


{# Whether an id is that of an item: of a charge, a payment, or a refund of one. #}
{% macro names_item(id) -%}
    ({{ names_charge(id) }} or {{ names_refund(id) }})
{%- endmacro %}


{# What an item is: Stripe's movement says it; where there is none, the id that NetSuite names. #}
{% macro item_type(type, external_id) -%}
    if(coalesce({{ type }} in ('charge', 'payment'), not {{ names_refund(external_id) }}), 'charge', 'refund')
{%- endmacro %}


{# What the flags mean as one status; the first that applies. #}
{% macro reconciliation_status() -%}
    case
        when is_duplicate_in_erp then 'duplicate_in_erp'
        when is_missing_in_erp then 'missing_in_erp'
        when is_missing_in_billing then 'missing_in_billing'
        when is_removed_from_erp then 'removed_from_erp'
        when is_currency_mismatch then 'currency_mismatch'
        when is_amount_mismatch then 'amount_mismatch'
        when is_timing_difference then 'timing_difference'
        when is_metadata_mismatch then 'metadata_mismatch'
        else 'perfect_match'
    end
{%- endmacro %}


{# Hours that NetSuite has for an item (setting TIEOUT_TIMING_DIFFERENCE_HOURS). #}
{% macro timing_difference_hours() -%}
    {{ env_var('TIEOUT_TIMING_DIFFERENCE_HOURS', '24') | int }}
{%- endmacro %}


{# Whether NetSuite took longer than it has. #}
{% macro is_posted_late(posting_delay_seconds) -%}
    coalesce({{ posting_delay_seconds }} > {{ timing_difference_hours() }} * 3600, false)
{%- endmacro %}


{# Whether NetSuite's time for an item was not over at the end of a day. #}
{% macro is_posting_awaited(stripe_created_at, day) -%}
    {{ stripe_created_at }} + interval '{{ timing_difference_hours() }}' hour
    > with_timezone(cast({{ day }} + interval '1' day as timestamp), 'UTC')
{%- endmacro %}


{# What is late only is settled: both sides have it, and agree; so is what neither has any more. What is labelled wrongly
   waits for its label. #}
{% macro is_unsettled(status) -%}
    {{ status }} not in ('perfect_match', 'timing_difference', 'removed_from_erp')
{%- endmacro %}


{# By how much an item leaves the books too low, in its own currency; negative where too high: for a charge that they have
   and should not, or a refund that they lack. Across currencies they have nothing in the item's own. #}
{% macro lacking_amount(status) -%}
    coalesce(if({{ status }} = 'currency_mismatch', stripe_amount, variance_amount), stripe_amount, 0)
{%- endmacro %}


{# Whether a text may stand in more than one row of a relation: certainly if it does, and next to never if it does not.
   Numbers are counted instead of texts (text_number). #}
{% macro may_come_again(column, relation) -%}
    {%- set number = text_number(column) -%}
    {{ number }} in (select {{ number }} from {{ relation }} group by 1 having count(*) > 1)
{%- endmacro %}


{# What each batch made of delivered rows: the last version that it brought, with previous_<column> as the batch before
   had left them, and is_again, whether one had. Of several versions in one batch those between were never loaded.
   condition: the rows that are asked for. #}
{% macro versions_by_batch(relation, key, columns, condition) %}
    {%- set by_version = '(partition by ' ~ key | join(', ') ~ ' order by _file, _extracted_at, _line)' -%}
    select
        *,
        row_number() over by_version > 1 as is_again
        {%- for column in columns %},
        lag({{ column }}) over by_version as previous_{{ column }}
        {%- endfor %}
    from (
        select *, lead(_batch) over by_version is distinct from _batch as is_last_of_batch
        from {{ relation }}
        where {{ condition }}
        window by_version as {{ by_version }}
    )
    where is_last_of_batch
    window by_version as {{ by_version }}
{% endmacro %}


{# The headers that came more than once, of transactions that name, or ever named, a changed key. A deleted one names
   nothing. #}
{% macro netsuite_headers(since) %}
    {%- set headers = source('netsuite', 'transaction') -%}
    {%- set named -%}
        (
            select id, currency, if(deleted, null, externalid) as externalid, _batch, _file, _extracted_at, _line
            from {{ headers }}
        )
    {%- endset -%}
    {%- set condition -%}
        id in (select transaction_id from {{ ref('stg_netsuite__transaction') }} where _batch > _first_batch)
        {%- if since %}
        and id in (select id from {{ headers }} where true {{ and_changed('externalid', since) }})
        {%- endif %}
    {%- endset -%}
    {{ versions_by_batch(named, ['id'], ['currency', 'externalid'], condition) }}
{% endmacro %}


{# The lines of all deliveries, amount being that of the main ones: NULL for all others, and for what was deleted. #}
{% macro netsuite_main_amounts() -%}
    (
        select
            transaction,
            id,
            if(mainline and coalesce(deleted, false) = false, foreignamount) as amount,
            subsidiary,
            _batch,
            _file,
            _extracted_at,
            _line
        from {{ source('netsuite', 'transactionline') }}
    )
{%- endmacro %}


{# NetSuite transactions that were delivered again with another amount, currency or external id:
   transaction_id, corrected_batch (the newest batch that brought another), previous_amount (of the main line before it;
   NULL where currency or external id became another too). Bronze is asked for those alone that came more than once.
   since: what last_built() gave. #}
{% macro netsuite_corrections(since) %}
    {%- set again -%}
        transaction in (
            select transaction_id
            from {{ ref('stg_netsuite__transactionline') }}
            where _batch > _first_batch {{ and_of_changed_transaction('transaction_id', since) }}
        )
    {%- endset -%}
    select
        transaction_id,
        _batch as corrected_batch,
        if(bool_and(is_of_line), sum(previous_amount)) as previous_amount
    from (
        select *, _batch = max(_batch) over (partition by transaction_id) as is_newest_correction
        from (
            select
                id as transaction_id,
                _batch,
                false as is_of_line,
                cast(null as decimal(19, 4)) as previous_amount
            from ({{ netsuite_headers(since) }})
            where is_again
                and (currency is distinct from previous_currency or externalid is distinct from previous_externalid)

            union all

            select transaction, _batch, true, previous_amount
            from ({{ versions_by_batch(netsuite_main_amounts(), ['transaction', 'id'], ['amount'], again) }})
            where is_again and amount is distinct from previous_amount
        )
    )
    where is_newest_correction
    group by transaction_id, _batch
{% endmacro %}


{# NetSuite transactions that a batch deleted, or gave another external id or none, once for each item that they named:
   transaction_id, source_id, netsuite_posted_at, currency_code, subsidiary_id, first_batch, left_batch (the newest that
   took it away), left_amount (of its main lines until then). since: what last_built() gave. #}
{% macro netsuite_departures(since) %}
    select
        departures.transaction_id,
        departures.source_id,
        {{ netsuite_posted_at('transactions') }} as netsuite_posted_at,
        currencies.currency_code,
        departures.subsidiary_id,
        coalesce(transactions._first_batch, transactions._batch) as first_batch,
        departures.left_batch,
        departures.left_amount
    from {{ ref('stg_netsuite__transaction') }} as transactions
    inner join (
        select
            transaction_id,
            source_id,
            currency_id,
            left_batch,
            coalesce(sum(amount), 0) as left_amount,
            min(subsidiary_id) as subsidiary_id
        from (
            select
                headers.transaction_id,
                headers.source_id,
                headers.currency_id,
                headers.left_batch,
                max_by(lines.amount, {{ delivered('lines') }}) as amount,
                max_by(lines.subsidiary, {{ delivered('lines') }}) as subsidiary_id
            from {{ netsuite_main_amounts() }} as lines
            -- there are few of them: what they are looks up their lines, not the other way round
            right join (
                select
                    id as transaction_id,
                    previous_externalid as source_id,
                    max_by(previous_currency, _batch) as currency_id,
                    max(_batch) as left_batch
                from ({{ netsuite_headers(since) }})
                where {{ names_item('previous_externalid') }}
                    and externalid is distinct from previous_externalid
                    {{ and_changed('previous_externalid', since) }}
                group by id, previous_externalid
            ) as headers on headers.transaction_id = lines.transaction and headers.left_batch > lines._batch
            group by headers.transaction_id, headers.source_id, headers.currency_id, headers.left_batch, lines.id
        )
        group by transaction_id, source_id, currency_id, left_batch
    ) as departures on departures.transaction_id = transactions.transaction_id
    left join {{ ref('stg_netsuite__currency') }} as currencies on currencies.currency_id = departures.currency_id
    -- what came back never left
    where transactions.is_deleted or transactions.external_id is distinct from departures.source_id
{% endmacro %}


{# Which of a row's deliveries is newer. #}
{% macro delivered(rows) -%}
    row({{ rows }}._file, {{ rows }}._extracted_at, {{ rows }}._line)
{%- endmacro %}


{# When NetSuite booked a transaction: when it was entered, else its date. #}
{% macro netsuite_posted_at(transactions) -%}
    with_timezone(coalesce({{ transactions }}.created_at, {{ transactions }}.transaction_date), 'UTC')
{%- endmacro %}


{% macro and_of_changed_transaction(column, since) -%}
    {%- if since %}
    and {{ column }} in (
        select transaction_id
        from {{ ref('stg_netsuite__transaction') }}
        where {{ names_item('external_id') }} {{ and_changed('external_id', since) }}
    )
    {%- endif %}
{%- endmacro %}


{# What says whose a refund is stands under its charge. #}
{% macro and_charge_of_changed_item(column, since) -%}
    {%- if since %}
    and {{ column }} in (
        select changed_key from {{ changed_keys_table() }}
        union all
        select charge_id
        from {{ ref('stg_stripe__refunds') }}
        where charge_id is not null {{ and_changed('refund_id', since) }}
    )
    {%- endif %}
{%- endmacro %}


{# fact_reconciliation: both sides, what says whose they are, and what is open. #}
{% macro changed_reconciliation(since) %}
    {%- set moves, transactions = ref('stg_stripe__balance_transactions'), ref('stg_netsuite__transaction') -%}
    {%- set charges, refunds = ref('stg_stripe__charges'), ref('stg_stripe__refunds') -%}
    {%- set organizations = ref('stg_app_db__organizations') -%}
    select coalesce(source_id, balance_transaction_id) as source_id from {{ moves }} as moves
    where {{ is_item('type', 'source_id') }} and {{ is_changed('moves', since) }}
    union
    select external_id from {{ transactions }} as transactions
    where {{ names_item('external_id') }} and {{ is_changed('transactions', since) }}
    union
    select transactions.external_id
    from {{ transactions }} as transactions
    inner join {{ ref('stg_netsuite__transactionline') }} as lines
        on lines.transaction_id = transactions.transaction_id
    -- one that is no main line any more took its amount with it
    where {{ names_item('transactions.external_id') }} and {{ is_changed('lines', since) }}
    union
    select refund_id from {{ refunds }} as refunds where {{ is_changed('refunds', since) }}
    union
    -- a charge and its refunds belong to whom its metadata names, or the app's payment
    select items.source_id
    from (
        select charge_id from {{ charges }} as charges where {{ is_changed('charges', since) }}
        union
        {{ ever_named('processor_reference', 'payments', 'payment_id', since) }}
    ) as owned
    left join {{ refunds }} as refunds on refunds.charge_id = owned.charge_id
    cross join unnest(array[owned.charge_id, refunds.refund_id]) as items (source_id)
    where items.source_id is not null
    union
    -- a refund whose charge names an organization that is known since: that the charge is wrong is not said of the refund
    select refunds.refund_id
    from {{ refunds }} as refunds
    inner join (
        select charges.charge_id
        from {{ charges }} as charges
        inner join {{ organizations }} as organizations
            on organizations.org_id = lower(json_extract_scalar(charges.metadata, '$.org_id'))
        where {{ is_changed('organizations', since) }}
    ) as named on named.charge_id = refunds.charge_id
    union
    -- a movement that names another item than it did, or is none any more, leaves the one it named
    select held.source_id
    from {{ this }} as held
    inner join {{ moves }} as moves on moves.balance_transaction_id = held.balance_transaction_id
    where (
            not coalesce({{ is_item('moves.type', 'moves.source_id') }}, false)
            or coalesce(moves.source_id, moves.balance_transaction_id) <> held.source_id
        )
        and {{ is_changed('moves', since) }}
    union
    -- what is open or names an organization that may be known by then; what another external id took away, another
    -- currency code or another subsidiary; what another setting judges otherwise
    select held.source_id
    from {{ this }} as held
    left join {{ ref('stg_netsuite__currency') }} as currencies
        on currencies.currency_code = held.netsuite_currency
    left join {{ organizations }} as organizations
        on organizations.netsuite_subsidiary_id = held.netsuite_subsidiary_id
        and organizations.is_deleted = false
    where held.is_open
        or held.is_metadata_mismatch
        or held.org_id is null
        or held.is_timing_difference <> {{ is_posted_late('held.posting_delay_seconds') }}
        or (held.netsuite_transaction_id is not null and currencies.currency_code is null)
        or (held.netsuite_subsidiary_id is not null and organizations.org_id is distinct from held.org_id)
        or held.netsuite_transaction_id in (
            select transaction_id from {{ transactions }} as transactions where {{ is_changed('transactions', since) }}
        )
    union
    {{ changed_by_rates('source_id', this, 'item_date', 'spot', since) }}
    union
    {{ changed_base_currency() }}
{% endmacro %}
