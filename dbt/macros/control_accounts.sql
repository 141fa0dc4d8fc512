{# The two control accounts: receivable and payable. Both are stated as what is owed, so that a debt is positive on
   either side of the balance sheet. #}


{# Everything that had moved either sub-ledger by a day: subledger_movements of both sides, with control_account. #}
{% macro control_movements(as_of) %}
    {%- for side, control_account in [('ar', 'receivable'), ('ap', 'payable')] %}
    select '{{ control_account }}' as control_account, movements.*
    from (
        {{ subledger_movements(side, as_of) }}
    ) as movements
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}


{# What each document of either sub-ledger owed by a day, one row a document that owed or was owed anything:
     control_account, org_id, currency
     open_amount, overpaid_amount      one of them above zero, the other zero
   Debts are those of the day's aging. #}
{% macro control_balances(as_of) %}
    {%- for side, control_account in [('ar', 'receivable'), ('ap', 'payable')] %}
    {%- set names = subledger(side) %}
    select
        '{{ control_account }}' as control_account,
        org_id,
        currency,
        remaining_amount as open_amount,
        cast(0 as decimal(38, 4)) as overpaid_amount
    from {{ ref(names.aging) }}
    where as_of_date = {{ as_of }}

    union all

    select '{{ control_account }}', org_id, currency, cast(0 as decimal(38, 4)), -remaining_by_then
    from (
        {{ balances_by(side, as_of, may_be_overpaid(side, as_of)) }}
    )
    where remaining_by_then < 0
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
    where account_role in ('receivable_control', 'payable_control') and is_deleted = false
{% endmacro %}


{# A ledger amount of a control account as what is owed. #}
{% macro owed_in_ledger(control_account, amount) -%}
    if({{ control_account }} = 'receivable', {{ amount }}, -{{ amount }})
{%- endmacro %}
