{# Building only what changed: facts that grow with history look again at the keys that a day touched, and at no other.

   Such a model names, in meta.changed_keys, a macro that takes `since` and gives a query of one column of keys: all that
   may differ from what the table holds. The materialization writes them down, the model filters its rows by
   and_changed(), and the strategy `difference` compares with the same keys of the table. A key too many costs a little
   time; a key too few would leave a row wrong, so the macro must name each input.

   A row of Silver may have changed when its file was written after the table's newest commit. Merges write changed rows
   into new files, and Silver deletes none. Files that the weekly upkeep has rewritten count as changed too: the first
   build after it looks at everything, as a build with --full-refresh does. #}


{# When the table was last built, as text; none where it is to be built whole: where it has so few rows that looking for
   what changed costs more, which goes for an empty one, whose first rows may have failed to come. What upkeep wrote
   (`replace`) was no build. #}
{% macro last_built() -%}
    {#- a unit test has no table #}
    {%- if not execute or not this or 'changed_keys' not in config.get('meta', {}) or not is_incremental() -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set since = tables_last_built().get(this.identifier) -%}
    {%- if since %}{% do graph.setdefault('narrowed tables', {}).update({this.identifier: true}) %}{% endif -%}
    {{ return(since) }}
{%- endmacro %}


{# {table: when it was last built, none where it is to be built whole} of all tables with changed keys. The first of them
   asks, and dbt's graph keeps the answers for the build: no table is written by another model than its own. #}
{% macro tables_last_built() -%}
    {%- if 'last built' not in graph -%}
        {%- set rows = "cast(element_at(summary, 'total-records') as bigint)" -%}
        {%- set questions = [] -%}
        {%- for node in graph.nodes.values() if 'changed_keys' in node.config.get('meta', {}) -%}
            {%- set table = load_relation(api.Relation.create(node.database, node.schema, node.alias)) -%}
            {%- if table -%}
                {%- do questions.append(
                    "select '" ~ table.identifier ~ "', cast(max_by(if(" ~ rows ~ " >= " ~ var("narrow_from_rows")
                    ~ ", committed_at), committed_at) as varchar) from " ~ table.include(identifier=false) ~ '."'
                    ~ table.identifier ~ '$snapshots"' ~ " where operation <> 'replace'"
                ) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set built = {} -%}
        {%- for name, since in (run_query(questions | join(' union all ')) if questions else []) -%}
            {%- do built.update({name: since}) -%}
        {%- endfor -%}
        {%- do graph.update({'last built': built}) -%}
    {%- endif -%}
    {{ return(graph['last built']) }}
{%- endmacro %}


{# since: what last_built() gave. #}
{% macro and_changed(column, since) -%}
    {%- if since %}and {{ column }} in (select changed_key from {{ changed_keys_table() }}){% endif -%}
{%- endmacro %}


{# How tables of documents are laid out: by the year of a date that comes with the key. What a day changes is nearly all of
   the newest years; a year's files tell which keys they may have, and those of the others are not opened. By months, a
   first load of more than eight years would write more partitions at once than Trino allows. #}
{% macro by_year(column) -%}
    {{ return({'partitioning': "array['year(" ~ column ~ ")']"}) }}
{%- endmacro %}


{# Where the keys stand while the model is built: a model asks for them in several places, and finding them again in each
   would cost more than all the rest. #}
{% macro changed_keys_table() -%}
    {{ this.database }}.scratch.changed_keys_of_{{ this.identifier }}
{%- endmacro %}


{% macro changed_keys(since) -%}
    {{ context[config.get('meta', {})['changed_keys']](since) }}
{%- endmacro %}


{# keys: a query of one column. #}
{% macro make_changed_keys(keys) -%}
    create or replace table {{ changed_keys_table() }} (changed_key) as {{ keys }}
{%- endmacro %}


{# A condition on the rows of a table of the lake, of which `alias` is the name in the query. #}
{% macro is_changed(alias, since) -%}
    {# The store's clock and Trino's may differ, and the store counts in seconds. In milliseconds, as files have their time:
       compared with anything finer, every file is opened. #}
    {{ alias }}."$file_modified_time" >= cast(
        timestamp '{{ since }}' - interval '{{ var("clock_difference_seconds") }}' second as timestamp(3) with time zone
    )
{%- endmacro %}
