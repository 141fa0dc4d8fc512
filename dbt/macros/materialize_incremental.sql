{# How every model becomes a table. dbt-trino's own way takes nine statements to merge a model: it makes a view of the
   model, asks for the columns of both sides three times, merges, drops the view and sets every comment again, each a
   commit on the table. On small days that costs more than the data. This takes one, the merge, and one question for all
   models of a build.

   A new column is added to the table when the model's YAML describes it. #}
{% materialization incremental, adapter='trino', supported_languages=['sql'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set table = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}

    {%- if existing is none -%}
        {%- call statement('main') -%}{{ create_described_table(table, sql) }}{%- endcall -%}
    {%- elif should_full_refresh() -%}
        {# atomic, and keeps the table's history; comments have to be set again #}
        {%- call statement('main') -%}{{ create_table_as(false, table, sql, 'replace') }}{%- endcall -%}
        {%- do set_comments(table, comments_of(table, ask=true)) -%}
    {%- else -%}
        {%- set comments = comments_of(table) -%}
        {%- set since = last_built() -%}
        {%- if model.columns | reject('in', comments) | list -%}
            {#- the query is only asked for its shape: which keys there are does not matter #}
            {%- if since %}{% do run_query(make_changed_keys("select ''")) %}{% endif -%}
            {%- do add_columns(table, sql, comments) -%}
            {%- set comments = comments_of(table, ask=true) -%}
        {%- endif -%}
        {%- if since %}{% do run_query(make_changed_keys(changed_keys(since))) %}{% endif -%}
        {%- set strategy = adapter.get_incremental_strategy_macro(context, config.require('incremental_strategy')) -%}
        {%- call statement('main') -%}
            {{ strategy({
                'target_relation': table,
                'temp_relation': '(' ~ sql ~ ')',
                'unique_key': config.require('unique_key'),
                'dest_columns': comments.keys() | reject('equalto', '') | list,
                'since': since,
            }) }}
        {%- endcall -%}
        {%- if since %}{% do run_query('drop table ' ~ changed_keys_table()) %}{% endif -%}
        {%- do set_comments(table, comments) -%}
    {%- endif -%}

    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [table]}) }}
{% endmaterialization %}


{# A new table with its comments, then its rows. #}
{% macro create_described_table(table, sql) -%}
    create table {{ table }} (
        {%- for column in columns_of(table, sql) %}
        {{ adapter.quote(column.name) }} {{ column.data_type }}
        {%- if column.name in model.columns %} comment {{ quoted(model.columns[column.name].description) }}{% endif %}
        {{- ',' if not loop.last }}
        {%- endfor %}
    )
    comment {{ quoted(model.description) }}
    {{ properties() }};

    insert into {{ table }}
    {{ sql }}
{%- endmacro %}


{% macro add_columns(table, sql, present) -%}
    {%- for column in columns_of(table, sql) if column.name not in present -%}
        {%- do run_query(
            'alter table ' ~ table ~ ' add column ' ~ adapter.quote(column.name) ~ ' ' ~ column.data_type
        ) -%}
    {%- endfor -%}
{%- endmacro %}


{# Names and exact types of what a query gives: only a view of it tells them. #}
{% macro columns_of(table, sql) -%}
    {%- set shape = make_temp_relation(table).incorporate(type='view') -%}
    {%- do run_query(create_view_as(shape, sql)) -%}
    {%- set columns = adapter.get_columns_in_relation(shape) -%}
    {%- do run_query('drop view ' ~ shape) -%}
    {{ return(columns) }}
{%- endmacro %}


{# {column: comment} in the table's order; the table's own comment stands under ''. The first model of a build asks for
   all tables of its schema, and dbt's graph, which lasts as long as the build, keeps the answers. ask: the table has
   changed since. #}
{% macro comments_of(table, ask=false) -%}
    {%- set held = graph.setdefault('comments of ' ~ table.without_identifier(), {}) -%}
    {%- if ask -%}
        {%- do held.update(comments_in(table, " and table_name = '" ~ table.identifier ~ "'")) -%}
    {%- elif table.identifier not in held -%}
        {%- do held.update(comments_in(table)) -%}
    {%- endif -%}
    {{ return(held[table.identifier]) }}
{%- endmacro %}


{% macro comments_in(table, condition='') -%}
    {%- set rows = run_query(
        "select table_name, column_name, coalesce(comment, ''), ordinal_position from "
        ~ table.information_schema() ~ ".columns where table_schema = '" ~ table.schema ~ "'" ~ condition
        ~ " union all select table_name, '', coalesce(comment, ''), 0 from "
        ~ "system.metadata.table_comments where catalog_name = '" ~ table.database ~ "' and schema_name = '"
        ~ table.schema ~ "'" ~ condition ~ " order by 1, 4"
    ) -%}
    {%- set comments = {} -%}
    {%- for row in rows -%}
        {%- do comments.setdefault(row[0], {}).update({row[1]: row[2]}) -%}
    {%- endfor -%}
    {{ return(comments) }}
{%- endmacro %}


{# Set the comments that differ from the descriptions. #}
{% macro set_comments(table, comments) -%}
    {%- if model.description != comments[''] -%}
        {%- do run_query('comment on table ' ~ table ~ ' is ' ~ quoted(model.description)) -%}
    {%- endif -%}
    {%- for name, column in model.columns.items() if name in comments and column.description != comments[name] -%}
        {%- do run_query(
            'comment on column ' ~ table ~ '.' ~ adapter.quote(name) ~ ' is ' ~ quoted(column.description)
        ) -%}
    {%- endfor -%}
{%- endmacro %}


{% macro quoted(text) -%}
    '{{ text | replace("'", "''") }}'
{%- endmacro %}
