-- What payments in say they settled is what invoices say was settled.
{{ settled_amounts_that_differ('in', ref('fact_ar_invoices')) }}
