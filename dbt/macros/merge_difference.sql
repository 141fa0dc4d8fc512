{# The incremental strategy of Gold: a model says the whole truth, and only what differs from the table is written.

   Rows that are new are inserted, rows that changed are updated, rows that the model no longer gives are deleted. The
   result is what a full refresh would give, whatever was there before, in one atomic commit; where nothing changed,
   nothing is committed and the table keeps its snapshot.

   meta.changed_keys narrows the comparison to keys that may have changed (macros/changed_keys.sql), all by key[0].
   meta.rewrites_day names a date column: then only the rows of as_of() are compared and the other days stay. It is a
   name and not a condition, because a manifest that was parsed for one day is used on others. #}
{% macro get_incremental_difference_sql(arg_dict) %}
    {%- set key = arg_dict['unique_key'] -%}
    {%- set key = [key] if key is string else key -%}
    {%- set columns = arg_dict['dest_columns'] -%}
    {%- set day_column = config.get('meta', {}).get('rewrites_day') -%}
    merge into {{ arg_dict['target_relation'] }} as held
    using (
        select
            {%- for column in columns %}
            {{ 'coalesce(made.%s, held.%s) as %s' % (column, column, column)
               if column in key else 'made.' ~ column }},
            {%- endfor %}
            made.{{ key[0] }} is null as _is_gone
        from {{ arg_dict['temp_relation'] }} as made
        full join (
            select * from {{ arg_dict['target_relation'] }}
            {%- if day_column %}
            where {{ day_column }} = date '{{ as_of() }}'
            {%- else %}
            where true {{ and_changed(key[0], arg_dict['since']) }}
            {%- endif %}
        ) as held
            on {{ same_key('made', 'held', key) }}
        where made.{{ key[0] }} is null or held.{{ key[0] }} is null
            {%- for column in columns if column not in key %}
            or made.{{ column }} is distinct from held.{{ column }}
            {%- endfor %}
    ) as came
    on {{ same_key('held', 'came', key) }}
        {%- if day_column %} and held.{{ day_column }} = date '{{ as_of() }}'{% endif %}
    when matched and came._is_gone then delete
    when matched then update set
        {{ set_columns(columns) }}
    when not matched then {{ insert_columns(columns) }}
{% endmacro %}
