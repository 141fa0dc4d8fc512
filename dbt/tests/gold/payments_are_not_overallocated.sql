-- The app refuses to allocate more than was paid; a payment that shows it was written past the app.
{{ config(severity='warn') }}

select * from {{ ref('fact_payments') }} where unallocated_amount < 0
