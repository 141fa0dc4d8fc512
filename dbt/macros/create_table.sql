{# A new table is made with its comments in one statement and filled by a second one. dbt-trino makes it first and then
   sets a comment a statement, each a commit: twenty times the cost for a table of twenty columns.
   A full refresh goes dbt-trino's way: `create or replace table … as` is atomic, and takes no comments. #}
{% macro trino__create_table_as(temporary, relation, sql, on_exists=none) -%}
    {%- if temporary or on_exists or not config.persist_column_docs() -%}
        {{ return(dbt.trino__create_table_as(temporary, relation, sql, on_exists)) }}
    {%- endif -%}
    {%- set shape = make_temp_relation(relation).incorporate(type='view') -%}
    {%- do run_query(create_view_as(shape, sql)) -%}
    {%- set columns = adapter.get_columns_in_relation(shape) -%}
    {%- do drop_relation(shape) -%}

    create table {{ relation }} (
        {%- for column in columns %}
        {%- set comment = model.columns.get(column.name, {}).get('description') %}
        {{ adapter.quote(column.name) }} {{ column.data_type }}
        {%- if comment %} comment '{{ comment | replace("'", "''") }}'{% endif %}
        {{- ',' if not loop.last }}
        {%- endfor %}
    )
    {{ comment(model.description) }}
    {{ properties(temporary) }};

    insert into {{ relation }}
    {{ sql }}
{%- endmacro %}
