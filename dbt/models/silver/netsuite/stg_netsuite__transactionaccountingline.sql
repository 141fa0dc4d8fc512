{{ config(unique_key=['transaction_id', 'line_id', 'accounting_book_id']) }}

with source as (

    {{ newest_delivered(source('netsuite', 'transactionaccountingline'), key=['transaction', 'transactionline', 'accountingbook']) }}

),

final as (

    select
        -- ids
        transaction as transaction_id,
        transactionline as line_id,
        accountingbook as accounting_book_id,
        account as account_id,

        -- amounts
        amount,
        debit as debit_amount,
        credit as credit_amount,
        netamount as net_amount,
        exchangerate as exchange_rate,

        -- flags
        posting as is_posting,

        -- lineage
        coalesce(deleted, false) as is_deleted,
        _batch,
        _extracted_at,
        _file,
        _line
    from source

)

select * from final
