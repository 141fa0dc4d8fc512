{# What fact_reconciliation and the leakage share. #}


{# What the flags mean as one status; the first that applies. #}
{% macro reconciliation_status() -%}
    case
        when is_duplicate_in_erp then 'duplicate_in_erp'
        when is_missing_in_erp then 'missing_in_erp'
        when is_missing_in_billing then 'missing_in_billing'
        when is_currency_mismatch then 'currency_mismatch'
        when is_amount_mismatch then 'amount_mismatch'
        when is_timing_difference then 'timing_difference'
        when is_metadata_mismatch then 'metadata_mismatch'
        else 'perfect_match'
    end
{%- endmacro %}


{# Hours that NetSuite has for a charge (setting TIEOUT_TIMING_DIFFERENCE_HOURS). #}
{% macro timing_difference_hours() -%}
    {{ env_var('TIEOUT_TIMING_DIFFERENCE_HOURS', '24') | int }}
{%- endmacro %}


{# Whether NetSuite took longer than it has. #}
{% macro is_posted_late(posting_delay_seconds) -%}
    coalesce({{ posting_delay_seconds }} > {{ timing_difference_hours() }} * 3600, false)
{%- endmacro %}


{# Whether NetSuite's time for a charge was not over at the end of a day. #}
{% macro is_posting_awaited(stripe_created_at, day) -%}
    {{ stripe_created_at }} + interval '{{ timing_difference_hours() }}' hour
    > with_timezone(cast({{ day }} + interval '1' day as timestamp), 'UTC')
{%- endmacro %}


{# What is late only is settled: both sides have it, and agree. What is labelled wrongly waits for its label. #}
{% macro is_unsettled(status) -%}
    {{ status }} not in ('perfect_match', 'timing_difference')
{%- endmacro %}


{# What the books lack of an item, in its own currency; negative for what they have and should not. Across currencies
   they have nothing in the item's own. #}
{% macro lacking_amount(status) -%}
    coalesce(if({{ status }} = 'currency_mismatch', stripe_amount, variance_amount), stripe_amount, 0)
{%- endmacro %}


{# Whether a text may stand in more than one row of a relation: certainly if it does, and next to never if it does not.
   Numbers are counted instead of texts, as a long text costs Trino twice as much to group and to move; two texts may
   share a number, so what is true of the rows must be asked of the texts themselves. #}
{% macro may_come_again(column, relation) -%}
    {%- set number = 'from_big_endian_64(xxhash64(to_utf8(' ~ column ~ ')))' -%}
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


{# The headers that came more than once, of transactions that name, or ever named, a changed key. #}
{% macro netsuite_headers(since) %}
    {%- set headers = source('netsuite', 'transaction') -%}
    {%- set condition -%}
        id in (select transaction_id from {{ ref('stg_netsuite__transaction') }} where _batch > _first_batch)
        {%- if since %}
        and id in (select id from {{ headers }} where true {{ and_changed('externalid', since) }})
        {%- endif %}
    {%- endset -%}
    {{ versions_by_batch(headers, ['id'], ['currency', 'externalid'], condition) }}
{% endmacro %}


{# NetSuite transactions that were delivered again with another amount, currency or external id:
   transaction_id, corrected_batch (the newest batch that brought another), previous_amount (of the main line before it;
   NULL where currency or external id became another too). A line that is none of the main ones has no amount. Bronze is
   asked for those alone that came more than once.
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

            select transaction, _batch, true, if(previous_mainline, previous_foreignamount)
            from (
                {{ versions_by_batch(
                    source('netsuite', 'transactionline'), ['transaction', 'id'], ['mainline', 'foreignamount'], again
                ) }}
            )
            where is_again
                and if(mainline, foreignamount) is distinct from if(previous_mainline, previous_foreignamount)
        )
    )
    where is_newest_correction
    group by transaction_id, _batch
{% endmacro %}


{# Charges that a NetSuite transaction named until a batch gave it another external id, or none:
   charge_id, currency_code, left_batch (the newest), left_amount (of the transaction's main lines until then).
   since: what last_built() gave. #}
{% macro netsuite_departures(since) %}
    select
        departures.charge_id,
        currencies.currency_code,
        max(departures.left_batch) as left_batch,
        -- of two that left at once the first was the charge's pair
        max_by(departures.left_amount, row(departures.left_batch, -departures.transaction_id)) as left_amount
    from (
        select transaction_id, charge_id, currency_id, left_batch, coalesce(sum(amount), 0) as left_amount
        from (
            select
                headers.transaction_id,
                headers.charge_id,
                headers.currency_id,
                headers.left_batch,
                max_by(
                    if(lines.mainline, lines.foreignamount), row(lines._file, lines._extracted_at, lines._line)
                ) as amount
            from (
                select
                    id as transaction_id,
                    previous_externalid as charge_id,
                    previous_currency as currency_id,
                    _batch as left_batch
                from ({{ netsuite_headers(since) }})
                where starts_with(previous_externalid, 'ch_') and externalid is distinct from previous_externalid
            ) as headers
            inner join {{ source('netsuite', 'transactionline') }} as lines
                on lines.transaction = headers.transaction_id and lines._batch < headers.left_batch
            group by headers.transaction_id, headers.charge_id, headers.currency_id, headers.left_batch, lines.id
        )
        group by transaction_id, charge_id, currency_id, left_batch
    ) as departures
    inner join {{ ref('stg_netsuite__currency') }} as currencies on currencies.currency_id = departures.currency_id
    group by departures.charge_id, currencies.currency_code
{% endmacro %}


{% macro and_of_changed_transaction(column, since) -%}
    {%- if since %}
    and {{ column }} in (
        select transaction_id
        from {{ ref('stg_netsuite__transaction') }}
        where starts_with(external_id, 'ch_') {{ and_changed('external_id', since) }}
    )
    {%- endif %}
{%- endmacro %}


{# fact_reconciliation: both sides, what says whose they are, and what is open. #}
{% macro changed_reconciliation(since) %}
    {%- set moves, transactions = ref('stg_stripe__balance_transactions'), ref('stg_netsuite__transaction') -%}
    select coalesce(source_id, balance_transaction_id) as charge_id from {{ moves }} as moves
    where type = 'charge' and {{ is_changed('moves', since) }}
    union
    select external_id from {{ transactions }} as transactions
    where starts_with(external_id, 'ch_') and {{ is_changed('transactions', since) }}
    union
    select transactions.external_id
    from {{ ref('stg_netsuite__transactionline') }} as lines
    inner join {{ transactions }} as transactions on transactions.transaction_id = lines.transaction_id
    -- one that is no main line any more took its amount with it
    where starts_with(transactions.external_id, 'ch_') and {{ is_changed('lines', since) }}
    union
    select charge_id from {{ ref('stg_stripe__charges') }} as charges where {{ is_changed('charges', since) }}
    union
    {{ ever_named('processor_reference', 'payments', 'payment_id', since) }}
    union
    -- a movement that names another charge than it did, or is no charge any more, leaves the one it named
    select held.charge_id
    from {{ this }} as held
    inner join {{ moves }} as moves on moves.balance_transaction_id = held.balance_transaction_id
    where (moves.type <> 'charge' or coalesce(moves.source_id, moves.balance_transaction_id) <> held.charge_id)
        and {{ is_changed('moves', since) }}
    union
    -- what is open or names an organization that may be known by then; what another external id took away, another
    -- currency code or another subsidiary; what another setting judges otherwise
    select held.charge_id
    from {{ this }} as held
    left join {{ ref('stg_netsuite__currency') }} as currencies
        on currencies.currency_code = held.netsuite_currency
    left join {{ ref('stg_app_db__organizations') }} as organizations
        on organizations.netsuite_subsidiary_id = held.netsuite_subsidiary_id
        and not organizations.is_deleted
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
    {{ changed_by_rates('charge_id', this, 'item_date', 'spot', since) }}
    union
    {{ changed_base_currency() }}
{% endmacro %}
