{# Testing only what was written: a test of rows looks at those that no published run has tested.

   Such a test depends on one row alone, or on the rows of one key. A run is published after all its tests have passed,
   and files do not change once they are written, so what was there when the newest published run began has passed, and
   only rows in files since then can break it. Content is another matter: the tie-out compares it whole. A build with
   --full-refresh, or narrow_from_rows above all, tests everything: a test that was changed needs it once.

   Tables of fewer than narrow_from_rows rows are tested whole: looking for what was written would cost more. #}


{# From which moment on a table's rows are untested, as text; none where the test is to read them all. #}
{% macro untested_since(relation) -%}
    {%- if not execute or flags.FULL_REFRESH -%}{{ return(none) }}{%- endif -%}
    {%- set published = newest_publication() -%}
    {%- if relation.schema == 'silver' -%}
        {%- set is_large = relation.identifier not in published.small -%}
    {%- else -%}
        {%- set is_large = relation.identifier in graph.get('narrowed tables', {}) -%}
    {%- endif -%}
    {{ return(published.since if is_large else none) }}
{%- endmacro %}


{# {since: when the newest published run had read its sources, before it tested anything; small: tables of Silver that
   were small then}. The first test of a build asks, and dbt's graph keeps the answer. #}
{% macro newest_publication() -%}
    {%- if 'newest publication' not in graph -%}
        {%- set rows = run_query(
            "with published as (select run_id, batch from " ~ source('ops', 'publications')
            ~ " order by published_at desc limit 1) "
            ~ "select null as small, cast(min(recorded_at) as varchar) as since from " ~ source('ops', 'table_outcomes')
            ~ " where (run_id, batch) in (select run_id, batch from published) union all "
            ~ "select distinct 'stg_' || source || '__' || entity, null from " ~ source('ops', 'control_totals')
            ~ " where (run_id, batch) in (select run_id, batch from published) and layer = 'silver' "
            ~ "and measure = 'rows' and value < " ~ var('narrow_from_rows')
        ) -%}
        {%- do graph.update({'newest publication': {
            'since': rows | map(attribute='since') | select | first,
            'small': rows | map(attribute='small') | select | list,
        }}) -%}
    {%- endif -%}
    {{ return(graph['newest publication']) }}
{%- endmacro %}
