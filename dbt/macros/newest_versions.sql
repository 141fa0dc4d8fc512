{# What a read of Bronze found, one row per key.

   A read covers the Bronze rows extracted after the newest row that Silver holds, or all of them when Silver is empty
   or rebuilt. What then happens to the rows is said by the model's incremental strategy (macros/merge_newest.sql). #}


{# Rows of a database table: relation's columns as the newest upsert of the read had them, and
     _changed_batch, _changed_at   batch and extraction of the newest event, upsert or delete
     _values_at                    extraction of the newest upsert; NULL when the read holds only a delete
     _is_gone                      whether the newest event is a delete
   key: columns of the relation that identify a row. #}
{% macro newest_extracted(relation, key) %}
    {%- set by_key = 'partition by ' ~ key | join(', ') %}
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
            {{ ranked(relation, key, {
                '_rank': ('row_number() over (' ~ by_key ~ ' order by _op desc, _extracted_at desc)', '1'),
                '_deleted_at': ("max(if(_op = 'delete', _extracted_at)) over (" ~ by_key ~ ')', 'if(false, _extracted_at)'),
                '_deleted_batch': (
                    "max_by(_batch, if(_op = 'delete', _extracted_at)) over (" ~ by_key ~ ')', 'if(false, _batch)'
                ),
            }) }}
        )
        where _rank = 1
    )
    {%- if not is_incremental() %}
    -- a key that was only ever seen as deleted has no values to keep
    where _op = 'upsert'
    {%- endif %}
{% endmacro %}


{# Rows that came in files: relation's columns as the last file and line of the read had them; of a file that was
   replaced under its name, as it was read last.
   waiting: a condition on Silver's rows; where it holds, the row is read again.
   first_batch: adds _first_batch, the oldest batch of the read that had the key. #}
{% macro newest_delivered(relation, key, waiting=none, first_batch=false) %}
    select *
    from (
        {%- set by_key = 'partition by ' ~ key | join(', ') %}
        {%- set windows = {'_rank': ('row_number() over (' ~ by_key ~ ' order by _file desc, _extracted_at desc, _line desc)', '1')} %}
        {%- if first_batch %}
        {%- do windows.update({'_first_batch': ('min(_batch) over (' ~ by_key ~ ')', '_batch')}) %}
        {%- endif %}
        {{ ranked(relation, key, windows, waiting) }}
    )
    where _rank = 1
{% endmacro %}


{# The rows of the read with windows over the rows of their key.
   windows: {column: (window function, its value for the only row of a key)}.

   A window holds whole rows in memory. A read of everything therefore asks it only for rows whose key may come more
   than once, which a hash of the key tells, and lets the others pass: of a table's first load that is all. #}
{% macro ranked(relation, key, windows, waiting=none) %}
    select
        *
        {%- for column, (window, _) in windows.items() %},
        {{ window }} as {{ column }}
        {%- endfor %}
    from {{ relation }}
    {%- if is_incremental() %}
    {{ not_yet_read(relation, waiting) }}
    {%- else %}
    {%- set hash -%}
        xxhash64(to_utf8(concat_ws(' ', {% for column in key %}cast({{ column }} as varchar){{ ', ' if not loop.last }}{% endfor %})))
    {%- endset %}
    {%- set repeated = '(select ' ~ hash ~ ' from ' ~ relation ~ ' group by 1 having count(*) > 1)' %}
    where {{ hash }} in {{ repeated }}

    union all

    select
        *
        {%- for column, (_, alone) in windows.items() %},
        {{ alone }} as {{ column }}
        {%- endfor %}
    from {{ relation }}
    where {{ hash }} not in {{ repeated }}
    {%- endif %}
{% endmacro %}


{% macro not_yet_read(relation, waiting=none) -%}
    where _extracted_at > (
        select coalesce(
            {%- if waiting %}
            min(_extracted_at) filter (where {{ waiting }}) - interval '1' second,
            {%- endif %}
            max(_extracted_at), timestamp '1970-01-01 00:00:00 UTC'
        )
        from {{ this }}
    )
    {{ or_repaired(relation) }}
{%- endmacro %}
