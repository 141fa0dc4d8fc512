{{ config(unique_key=['netsuite_transaction_id', 'line_id']) }}

with postings as (

    -- the primary book alone: NetSuite repeats every line in each further book, in that book's currency and accounts
    select
        lines.transaction_id,
        lines.line_id,
        lines.account_id,
        lines.exchange_rate,
        transactions.currency_id,
        transactions.posting_period_id,
        transactions.transaction_type,
        transactions.transaction_number,
        cast(transactions.transaction_date as date) as transaction_date,
        {{ posted_amount('lines') }} as base_amount
    from {{ ref('stg_netsuite__transactionaccountingline') }} as lines
    left join {{ ref('stg_netsuite__transaction') }} as transactions
        on transactions.transaction_id = lines.transaction_id
    where lines.accounting_book_id = {{ primary_book() }}
        and lines.is_deleted = false
        -- a line outlives its transaction where only the header says that it is gone
        and coalesce(transactions.is_deleted, false) = false
        and coalesce(lines.is_posting, transactions.is_posting, false)
        and {{ posted_amount('lines') }} is not null

),

transaction_lines as (

    select transaction_id, line_id, subsidiary_id, amount, memo
    from {{ ref('stg_netsuite__transactionline') }}
    where is_deleted = false

),

subsidiaries as (

    select subsidiaries.subsidiary_id, currencies.currency_code as base_currency
    from {{ ref('stg_netsuite__subsidiary') }} as subsidiaries
    left join {{ ref('stg_netsuite__currency') }} as currencies on currencies.currency_id = subsidiaries.currency_id

),

organizations as (

    select netsuite_subsidiary_id, min(org_id) as org_id
    from {{ ref('stg_app_db__organizations') }}
    where netsuite_subsidiary_id is not null and is_deleted = false
    group by netsuite_subsidiary_id

),

final as (

    select
        -- ids
        postings.transaction_id as netsuite_transaction_id,
        postings.line_id,
        organizations.org_id,
        transaction_lines.subsidiary_id,
        postings.account_id as netsuite_account_id,
        postings.posting_period_id,

        -- attributes
        accounts.account_number,
        accounts.full_name as account_name,
        accounts.account_type,
        periods.period_name,
        postings.transaction_type,
        postings.transaction_number,
        transaction_lines.memo,

        -- dates
        postings.transaction_date,
        cast(periods.start_date as date) as period_start_date,

        -- amounts
        currencies.currency_code as currency,
        transaction_lines.amount,
        greatest(transaction_lines.amount, 0) as debit_amount,
        greatest(-transaction_lines.amount, 0) as credit_amount,

        -- base currency
        subsidiaries.base_currency,
        postings.exchange_rate as fx_rate,
        case
            when currencies.currency_code = subsidiaries.base_currency then 'none'
            when postings.exchange_rate is not null then 'erp'
        end as fx_rate_type,
        if(
            currencies.currency_code = subsidiaries.base_currency or postings.exchange_rate is not null,
            postings.transaction_date
        ) as fx_rate_date,
        postings.base_amount,
        greatest(postings.base_amount, 0) as base_debit_amount,
        greatest(-postings.base_amount, 0) as base_credit_amount
    from postings
    left join transaction_lines
        on transaction_lines.transaction_id = postings.transaction_id
        and transaction_lines.line_id = postings.line_id
    left join subsidiaries on subsidiaries.subsidiary_id = transaction_lines.subsidiary_id
    left join organizations on organizations.netsuite_subsidiary_id = transaction_lines.subsidiary_id
    left join {{ ref('stg_netsuite__account') }} as accounts on accounts.account_id = postings.account_id
    left join {{ ref('stg_netsuite__accountingperiod') }} as periods
        on periods.accounting_period_id = postings.posting_period_id
    left join {{ ref('stg_netsuite__currency') }} as currencies on currencies.currency_id = postings.currency_id

)

select * from final
