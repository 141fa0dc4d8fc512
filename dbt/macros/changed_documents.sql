{# What may have changed each of the facts that grow with history (macros/changed_keys.sql says how it is used).

   Of every join the changed side is named second: Trino keeps that one in memory, and reads of the first what it names. #}


{# fact_ar_invoices: its documents and what settles them. Open ones that nothing happened to are a day older, which
   age_open_documents() tells them. #}
{% macro changed_ar_invoices(since) %}
    {{ changed_documents('ar', since) }}
{% endmacro %}


{% macro changed_ap_bills(since) %}
    {{ changed_documents('ap', since) }}
{% endmacro %}


{% macro changed_documents(side, since) %}
    {%- set names = subledger(side) -%}
    {%- set documents, key = ref(names.documents), names.id -%}
    select {{ key }} from {{ documents }} as documents where {{ is_changed('documents', since) }}
    union
    {{ ever_named(names.type ~ '_id', 'payment_allocations', 'allocation_id', since) }}
    union
    select allocations.{{ key }}
    from {{ ref('stg_app_db__payment_allocations') }} as allocations
    inner join {{ ref('stg_app_db__payments') }} as payments on payments.payment_id = allocations.payment_id
    where allocations.{{ key }} is not null and {{ is_changed('payments', since) }}
    union
    {{ ever_named(names.type ~ '_id', 'credit_notes', 'credit_note_id', since) }}
    union
    {{ changed_by_rates(key, documents, names.dated, 'spot', since) }}
    union
    {{ changed_base_currency() }}
{% endmacro %}


{# fact_payments: payments and their allocations. #}
{% macro changed_payments(since) %}
    {%- set payments = ref('stg_app_db__payments') -%}
    select payment_id from {{ payments }} as payments where {{ is_changed('payments', since) }}
    union
    {{ ever_named('payment_id', 'payment_allocations', 'allocation_id', since) }}
    union
    {{ changed_by_rates('payment_id', payments, 'payment_date', 'spot', since) }}
    union
    {{ changed_base_currency() }}
{% endmacro %}


{# fact_settlements: allocations with their payments, and credit notes. #}
{% macro changed_settlements(since) %}
    {%- set allocations, credit_notes = ref('stg_app_db__payment_allocations'), ref('stg_app_db__credit_notes') -%}
    select allocation_id as settlement_id from {{ allocations }} as allocations
    where {{ is_changed('allocations', since) }}
    union
    select allocations.allocation_id
    from {{ allocations }} as allocations
    inner join {{ ref('stg_app_db__payments') }} as payments on payments.payment_id = allocations.payment_id
    where {{ is_changed('payments', since) }}
    union
    select credit_note_id from {{ credit_notes }} as credit_notes where {{ is_changed('credit_notes', since) }}
    union
    {{ changed_by_rates('allocation_id', allocations, 'allocated_on', 'spot', since) }}
    union
    {{ changed_by_rates('credit_note_id', credit_notes, 'issued_on', 'spot', since) }}
    union
    {{ changed_base_currency() }}
{% endmacro %}


{# fact_gl_entries: the ledger's lines, and those of accounts that have another code or role. #}
{% macro changed_gl_entries(since) %}
    {%- set entries = ref('stg_app_db__gl_entries') -%}
    select gl_entry_id from {{ entries }} as entries where {{ is_changed('entries', since) }}
    union
    select gl_entry_id
    from {{ this }}
    where account_id in (
        select held.account_id
        from (select distinct account_id, account_code, account_role from {{ this }}) as held
        inner join {{ ref('dim_account') }} as accounts on accounts.account_id = held.account_id
        where held.account_code is distinct from accounts.account_code
            or held.account_role is distinct from accounts.account_role
    )
    union
    {{ changed_by_rates('gl_entry_id', entries, 'entry_date', 'spot', since) }}
    union
    {{ changed_base_currency() }}
{% endmacro %}


{# fact_bank_transactions: the bank's bookings, all legs of a transfer of which one changed, the payments they carry
   out, and the rules by which they were categorized. #}
{% macro changed_bank_transactions(since) %}
    {%- set transactions, key = ref('stg_app_db__bank_transactions'), 'bank_transaction_id' -%}
    with booked as (
        select {{ key }} from {{ transactions }} as transactions where {{ is_changed('transactions', since) }}
        union
        {{ changed_by_rates(key, transactions, 'booked_on', 'spot', since) }}
    )
    select {{ key }} from booked
    union
    select legs.{{ key }}
    from {{ transactions }} as legs
    inner join (
        select org_id, transfer_group_id from {{ transactions }} where {{ key }} in (select {{ key }} from booked)
        union
        -- the transfer that a booking was a leg of before
        select org_id, transfer_group_id from {{ this }} where {{ key }} in (select {{ key }} from booked)
    ) as transfers
        on transfers.org_id = legs.org_id
        and transfers.transfer_group_id = legs.transfer_group_id
    union
    select transactions.{{ key }}
    from {{ transactions }} as transactions
    inner join {{ ref('stg_app_db__payments') }} as payments on payments.payment_id = transactions.payment_id
    where {{ is_changed('payments', since) }}
    union
    select held.{{ key }}
    from {{ this }} as held
    left join ({{ bank_rule_lists() }}) as rule_lists on rule_lists.org_id = held.org_id
    where held.rules_fingerprint is distinct from rule_lists.fingerprint
    union
    {{ changed_base_currency() }}
{% endmacro %}


{# What changed rows of an app_db table name in a column, or have named: one that moves from one invoice to another
   changes both, and only Bronze knows the one before.
   column: of the source's table; id: Silver's name of its key. #}
{% macro ever_named(column, table, id, since) %}
    select cast({{ column }} as varchar)
    from {{ source('app_db', table) }}
    where {{ column }} is not null and cast(id as varchar) in (
        select {{ id }} from {{ ref('stg_app_db__' ~ table) }} as held where {{ is_changed('held', since) }}
    )
{% endmacro %}


{# Rows whose base amounts may be others, because a rate of their currency that holds, or held, on their day has changed.
   key, dated: columns of relation. #}
{% macro changed_by_rates(key, relation, dated, rate_type, since) %}
    select documents.{{ key }}
    from {{ relation }} as documents
    inner join (
        -- of a rate that moves to another day both days are meant, and only Bronze knows the one before
        select distinct org_id, from_currency, rate_date
        from {{ source('app_db', 'fx_rates') }}
        where rate_type = '{{ rate_type }}' and cast(id as varchar) in (
            select fx_rate_id from {{ ref('stg_app_db__fx_rates') }} as held where {{ is_changed('held', since) }}
        )
    ) as rates
        on rates.org_id = documents.org_id
        and rates.from_currency = documents.currency
        and documents.{{ dated }}
        between rates.rate_date and rates.rate_date + interval '{{ var("fx_max_age_days") }}' day
{% endmacro %}


{# The same because their organization keeps its books in another currency. #}
{% macro changed_base_currency() %}
    select {{ config.require('unique_key')[0] }}
    from {{ this }}
    where org_id in (
        select held.org_id
        from (select distinct org_id, base_currency from {{ this }}) as held
        inner join {{ ref('stg_app_db__organizations') }} as organizations on organizations.org_id = held.org_id
        where held.base_currency <> organizations.base_currency
    )
{% endmacro %}
