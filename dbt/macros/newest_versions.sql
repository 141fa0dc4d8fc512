{# What a read of Bronze found, one row per key.

   A read covers the Bronze rows extracted after the newest row that Silver holds, or all of them when Silver is empty
   or rebuilt. What then happens to the rows is said by the model's incremental strategy (macros/merge_newest.sql). #}


{# Rows of a database table: relation's columns as the newest upsert of the read had them, and
     _changed_batch, _changed_at   batch and extraction of the newest event, upsert or delete
     _values_at                    extraction of the newest upsert; NULL when the read holds only a delete
     _is_gone                      whether the newest event is a delete
   key: columns of the relation that identify a row. #}
{% macro newest_extracted(relation, key) %}
    select
        *,
        if(_is_gone, _deleted_batch, _batch) as _changed_batch,
        if(_is_gone, _deleted_at, _extracted_at) as _changed_at,
        if(_op = 'upsert', _extracted_at) as _values_at
    from (
        select
            *,
            _op = 'delete' or coalesce(_deleted_at > _extracted_at, false) as _is_gone
        from (
            select
                *,
                row_number() over (
                    partition by {{ key | join(', ') }} order by _op desc, _extracted_at desc
                ) as _rank,
                max(if(_op = 'delete', _extracted_at)) over (partition by {{ key | join(', ') }}) as _deleted_at,
                max(if(_op = 'delete', _batch)) over (partition by {{ key | join(', ') }}) as _deleted_batch
            from {{ relation }}
            {{ not_yet_read() }}
        )
        where _rank = 1
    )
    {%- if not is_incremental() %}
    -- a key that was only ever seen as deleted has no values to keep
    where _op = 'upsert'
    {%- endif %}
{% endmacro %}


{# Rows that came in files: relation's columns as the last file and line of the read had them.
   waiting: a condition on Silver's rows; where it holds, the row is read again (see stg_stripe__charges). #}
{% macro newest_delivered(relation, key, waiting=none) %}
    select *
    from (
        select
            *,
            row_number() over (partition by {{ key | join(', ') }} order by _file desc, _line desc) as _rank
        from {{ relation }}
        {{ not_yet_read(waiting) }}
    )
    where _rank = 1
{% endmacro %}


{% macro not_yet_read(waiting=none) -%}
    {%- if is_incremental() -%}
    where _extracted_at > (
        select coalesce(
            {%- if waiting %}
            min(_extracted_at) filter (where {{ waiting }}) - interval '1' second,
            {%- endif %}
            max(_extracted_at), timestamp '1970-01-01 00:00:00 UTC'
        )
        from {{ this }}
    )
    {%- endif -%}
{%- endmacro %}
