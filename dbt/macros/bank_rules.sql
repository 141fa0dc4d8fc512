{# An organization's category rules in the order in which they are asked: org_id, rules, fingerprint.

   A list, and not a row per transaction and rule: what a transaction costs is then a look through a short list, and
   nothing has to be sorted back into transactions. fingerprint is another one whenever the list is: each transaction
   keeps that of the list it was asked by, so that a change of rules is known by what the rows themselves say. The rules'
   files do not tell: the source's rules are read whole, and written anew, every day. #}
{% macro bank_rule_lists() %}
    select *, lower(to_hex(md5(to_utf8(json_format(cast(rules as json)))))) as fingerprint
    from (
        select
            organizations.org_id,
            array_agg(
                cast(row(
                    rules.category_rule_id, rules.name, rules.section, rules.category, rules.conditions,
                    rules.direction, rules.payment_link, rules.counterparty_text, rules.description_text,
                    rules.currency, rules.amount_from, rules.amount_to
                ) as row(
                    category_rule_id varchar, name varchar, section varchar, category varchar, conditions varchar,
                    direction varchar, payment_link varchar, counterparty_text varchar, description_text varchar,
                    currency varchar, amount_from decimal(19, 4), amount_to decimal(19, 4)
                ))
                order by rules.priority, if(rules.org_id is null, 1, 0), rules.category_rule_id
            ) as rules
        from {{ ref('stg_app_db__organizations') }} as organizations
        inner join (
            select
                *,
                lower(counterparty_contains) as counterparty_text,
                lower(description_contains) as description_text,
                array_join(array[
                    case direction when 'in' then 'money in' when 'out' then 'money out' end,
                    'payment link ' || payment_link,
                    'counterparty contains "' || counterparty_contains || '"',
                    'description contains "' || description_contains || '"',
                    'in ' || currency,
                    'from ' || cast(amount_from as varchar),
                    'to ' || cast(amount_to as varchar)
                ], ', ') as conditions
            from {{ ref('stg_app_db__bank_category_rules') }}
            where is_deleted = false and is_active
        ) as rules on rules.org_id is null or rules.org_id = organizations.org_id
        group by organizations.org_id
    )
{% endmacro %}
