-- Transfers between own accounts that do not come to zero and are no exchange of two currencies: a leg is missing, or
-- wrong. A warning, because the other leg may be booked days later; the rows are out of income and expense either way.
{{ config(severity='warn') }}

select org_id, transfer_group_id, transfer_status, count(*) as legs, min(booked_on) as first_booked_on
from {{ ref('fact_bank_transactions') }}
where transfer_status in ('one_leg', 'unbalanced')
group by org_id, transfer_group_id, transfer_status
