{# Descriptions reach Trino as comments. A comment is a commit on the table, so only those that differ are set:
   dbt-trino sets every one on every run, which costs more than the models do. #}
{% macro trino__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- set comments = {} -%}
    {%- set existing -%}
        select column_name, comment from {{ relation.information_schema() }}.columns
        where table_schema = '{{ relation.schema }}' and table_name = '{{ relation.identifier }}'
        union all
        select '', comment from system.metadata.table_comments
        where catalog_name = '{{ relation.database }}' and schema_name = '{{ relation.schema }}'
            and table_name = '{{ relation.identifier }}'
    {%- endset -%}
    {%- for row in run_query(existing) -%}
        {%- do comments.update({row[0]: row[1] or ''}) -%}
    {%- endfor -%}
    {%- if for_relation and config.persist_relation_docs() and model.description
           and model.description != comments.get('') -%}
        {%- do run_query(alter_relation_comment(relation, model.description)) -%}
    {%- endif -%}
    {%- if for_columns and config.persist_column_docs() -%}
        {%- for name, column in validate_doc_columns(relation, model.columns, comments.keys() | list).items() -%}
            {%- if column.description != comments[name] -%}
                {%- do run_query(alter_column_comment(relation, {name: column})) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
