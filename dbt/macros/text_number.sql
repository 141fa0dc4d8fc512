{# A number that stands for a text, as a bigint: a long text costs Trino twice as much to group and to move. Two texts may
   share one, so what is true of the rows must be asked of the texts themselves. #}
{% macro text_number(text) -%}
    from_big_endian_64(xxhash64(to_utf8({{ text }})))
{%- endmacro %}
