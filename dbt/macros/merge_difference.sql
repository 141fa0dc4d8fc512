{# The incremental strategy of Gold: a model says the whole truth, and only what differs from the table is written.

   Rows that are new are inserted, rows that changed are updated, rows that the model no longer gives are deleted. The
   result is what a full refresh would give, whatever was there before, in one atomic commit; where nothing changed,
   nothing is committed and the table keeps its snapshot.

   incremental_predicates limit it to a part of the table (fact_ar_aging: one as_of date); rows outside stay. #}
{% macro get_incremental_difference_sql(arg_dict) %}
    {%- set key = arg_dict['unique_key'] -%}
    {%- set key = [key] if key is string else key -%}
    {%- set columns = arg_dict['dest_columns'] -%}
    {%- set scope = arg_dict['incremental_predicates'] or [] -%}
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
            {%- if scope %} where {{ scope | join(' and ') }}{% endif %}
        ) as held
            on {{ same_key('made', 'held', key) }}
        where made.{{ key[0] }} is null or held.{{ key[0] }} is null
            {%- for column in columns if column not in key %}
            or made.{{ column }} is distinct from held.{{ column }}
            {%- endfor %}
    ) as came
    on {{ same_key('held', 'came', key) }}
        {%- for predicate in scope %} and held.{{ predicate }}{% endfor %}
    when matched and came._is_gone then delete
    when matched then update set
        {{ set_columns(columns) }}
    when not matched then {{ insert_columns(columns) }}
{% endmacro %}
