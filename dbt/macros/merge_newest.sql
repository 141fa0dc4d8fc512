{# Incremental strategies of Silver. dbt's own merge overwrites whatever comes; these never put an older version over
   a newer one, and keep a deleted row's last known values. #}


{# Database tables: a version is as new as its extraction. #}
{% macro get_incremental_newest_extraction_sql(arg_dict) %}
    {%- set columns = arg_dict['dest_columns'] -%}
    merge into {{ arg_dict['target_relation'] }} as held
    using {{ arg_dict['temp_relation'] }} as came
    on {{ same_key('held', 'came', arg_dict['unique_key']) }}
    when matched and came._extracted_at > held._extracted_at and came._values_at is null then update set
        is_deleted = true, _batch = came._batch, _extracted_at = came._extracted_at
    when matched and came._extracted_at > held._extracted_at then update set
        {{ set_columns(columns) }}
    when not matched and came._values_at is not null then {{ insert_columns(columns) }}
{% endmacro %}


{# Files: a version is as new as its file's name, then as the time at which the file was read, then as its line. The same
   delivery read again is written again, because a batch that is loaded anew may read a line better than before. The
   batch that brought a key first stays, whatever version is the newest, and moves back when an older one comes late. #}
{% macro get_incremental_newest_delivery_sql(arg_dict) %}
    {%- set columns = arg_dict['dest_columns'] -%}
    merge into {{ arg_dict['target_relation'] }} as held
    using {{ arg_dict['temp_relation'] }} as came
    on {{ same_key('held', 'came', arg_dict['unique_key']) }}
    when matched and (
        came._file > held._file or (came._file = held._file and (
            came._extracted_at > held._extracted_at
            or (came._extracted_at = held._extracted_at and came._line >= held._line)
        ))
    ) then update set
        {{ set_columns(columns | reject('equalto', '_first_batch')) }}
        {%- if '_first_batch' in columns %},
        _first_batch = least(coalesce(held._first_batch, held._batch), came._first_batch)
    when matched and came._first_batch < coalesce(held._first_batch, held._batch) then update set
        _first_batch = came._first_batch
        {%- endif %}
    when not matched then {{ insert_columns(columns) }}
{% endmacro %}


{% macro same_key(left, right, key) -%}
    {%- for column in ([key] if key is string else key) -%}
        {{ left }}.{{ column }} = {{ right }}.{{ column }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{% macro set_columns(columns) -%}
    {%- for column in columns -%}
        {{ column }} = came.{{ column }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{% macro insert_columns(columns) -%}
    insert ({{ columns | join(', ') }}) values (came.{{ columns | join(', came.') }})
{%- endmacro %}
