{# The two control accounts: receivable and payable. Both are stated as what is owed, so that a debt is positive on
   either side of the balance sheet. #}


{# Everything that had moved either sub-ledger by a day: subledger_movements of both sides, with control_account.
   unsettled: without the documents whose movements sum to zero. #}
{% macro control_movements(as_of, unsettled=false) %}
    {%- for side, control_account in [('ar', 'receivable'), ('ap', 'payable')] %}
    select '{{ control_account }}' as control_account, movements.*
    from (
        {{ subledger_movements(side, as_of, among=unsettled_documents(side, as_of) if unsettled) }}
    ) as movements
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}


{# The accounts that keep the ledger's side: org_id, control_account, account_id. An organization without one keeps no
   such ledger here. #}
{% macro control_accounts() %}
    select
        org_id,
        if(account_role = 'receivable_control', 'receivable', 'payable') as control_account,
        account_id
    from {{ ref('dim_account') }}
    where account_role in ('receivable_control', 'payable_control') and not is_deleted
{% endmacro %}


{# A ledger amount of a control account as what is owed. #}
{% macro owed_in_ledger(control_account, amount) -%}
    if({{ control_account }} = 'receivable', {{ amount }}, -{{ amount }})
{%- endmacro %}
