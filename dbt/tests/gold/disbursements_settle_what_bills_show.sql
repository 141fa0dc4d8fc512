-- What payments out say they settled is what bills say was settled.
{{ settled_amounts_that_differ('out', ref('fact_ap_bills')) }}
