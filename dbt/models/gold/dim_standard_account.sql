{{ config(unique_key=['account_code']) }}

with chart as (

    select *
    from (
        values
        ('1000', 'Operating cash', 'asset', 'debit', null),
        ('1010', 'Reserve cash', 'asset', 'debit', null),
        ('1050', 'Stripe clearing', 'asset', 'debit', null),
        ('1060', 'Currency exchange', 'asset', 'debit', null),
        ('1200', 'Accounts receivable', 'asset', 'debit', 'receivable_control'),
        ('1300', 'Input tax recoverable', 'asset', 'debit', null),
        ('1400', 'Inventory', 'asset', 'debit', 'inventory'),
        ('2000', 'Accounts payable', 'liability', 'credit', 'payable_control'),
        ('2200', 'Sales tax payable', 'liability', 'credit', null),
        ('2300', 'Customer deposits', 'liability', 'credit', null),
        ('3000', 'Retained earnings', 'equity', 'credit', null),
        ('4000', 'Product revenue', 'revenue', 'credit', null),
        ('4010', 'Service revenue', 'revenue', 'credit', null),
        ('4100', 'Returns and allowances', 'revenue', 'debit', null),
        ('5000', 'Cost of goods sold', 'expense', 'debit', 'cost_of_goods_sold'),
        ('6000', 'Rent and utilities', 'expense', 'debit', null),
        ('6100', 'Processing fees', 'expense', 'debit', null),
        ('6200', 'Travel', 'expense', 'debit', null),
        ('6300', 'Software and hosting', 'expense', 'debit', null),
        ('6400', 'Professional fees', 'expense', 'debit', null)
    ) as chart (account_code, account_name, account_type, normal_side, account_role)

),

final as (

    select
        cast(account_code as varchar) as account_code,
        cast(account_name as varchar) as account_name,
        cast(account_type as varchar) as account_type,
        cast(normal_side as varchar) as normal_side,
        cast(account_role as varchar) as account_role
    from chart

)

select * from final
