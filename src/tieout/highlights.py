"""One line of every fact of Gold, in words: what a demo shows, and what a reader may start from."""

from __future__ import annotations

from tieout.connections import query

# By fact, a query of one text. Where amounts have several currencies, the line is of the one with most rows.
# Every day that was run has KPIs. Another fact may have no row of it, and its own newest day would be an older one.
_NEWEST = "as_of_date = (select max(as_of_date) from lake.gold.fact_kpi_daily)"
LINES = {
    "fact_ar_invoices": """
        select format('%,d invoices in %s: %,.2f paid, %,.2f open, %,d at high risk', count(*), currency,
            sum(allocated_amount), sum(remaining_amount), count_if(is_high_risk))
        from lake.gold.fact_ar_invoices group by currency order by count(*) desc limit 1""",
    "fact_ar_aging": f"""
        select format('%,.2f %s owed by customers, %,.2f of it overdue', sum(remaining_amount), currency,
            sum(if(is_overdue, remaining_amount, 0)))
        from lake.gold.fact_ar_aging where {_NEWEST}
        group by currency order by count(*) desc limit 1""",
    "fact_ap_bills": """
        select format('%,d bills in %s: %,.2f paid, %,.2f open', count(*), currency, sum(allocated_amount),
            sum(remaining_amount))
        from lake.gold.fact_ap_bills group by currency order by count(*) desc limit 1""",
    "fact_ap_aging": f"""
        select format('%,.2f %s owed to suppliers, %,.2f of it overdue', sum(remaining_amount), currency,
            sum(if(is_overdue, remaining_amount, 0)))
        from lake.gold.fact_ap_aging where {_NEWEST}
        group by currency order by count(*) desc limit 1""",
    "fact_payments": """
        select format('%,d payments in %s: %,.2f moved, %,.2f not allocated yet', count(*), currency,
            sum(effective_amount), sum(unallocated_amount))
        from lake.gold.fact_payments group by currency order by count(*) desc limit 1""",
    "fact_settlements": """
        select format('%,d allocations, %,d credit notes', count_if(settled_by = 'payment'),
            count_if(settled_by = 'credit_note'))
        from lake.gold.fact_settlements""",
    "fact_kpi_daily": f"""
        select format('%s: DSO %.1f, DPO %.1f, cash conversion cycle %.1f days', organization_name, dso, dpo, ccc)
        from lake.gold.fact_kpi_daily as kpis
        join lake.gold.dim_organization as organizations on organizations.org_id = kpis.org_id
        where {_NEWEST} order by total_ar_amount desc nulls last limit 1""",
    "fact_gl_entries": """
        select format('%,d lines in %s: debits %,.2f, credits %,.2f', count(*), currency, sum(debit_amount),
            sum(credit_amount))
        from lake.gold.fact_gl_entries group by currency order by count(*) desc limit 1""",
    "fact_gl_balances": """
        select format('%,d accounts, %,d months, %,d balances', count(distinct account_id),
            count(distinct month_start), count(*))
        from lake.gold.fact_gl_balances""",
    "fact_trial_balance": f"""
        select format('%,.2f debit and %,.2f credit in %s: sums to %,.2f', sum(debit_balance_amount),
            sum(credit_balance_amount), currency, sum(balance_amount))
        from lake.gold.fact_trial_balance where {_NEWEST}
        group by currency order by count(*) desc limit 1""",
    "fact_control_account_ties": f"""
        select format('%,d of %,d sub-ledgers tie to their control account', count_if(is_tied), count(*))
        from lake.gold.fact_control_account_ties where {_NEWEST}""",
    "fact_control_account_differences": f"""
        select format('%,d documents that do not tie', count(*))
        from lake.gold.fact_control_account_differences
        where {_NEWEST}""",
    "fact_financials": """
        select format('%,d rows of actuals, %,d of budgets, %,d of forecasts', count_if(scenario = 'Actual'),
            count_if(scenario = 'Budget'), count_if(scenario = 'Forecast'))
        from lake.gold.fact_financials""",
    "fact_variance": """
        select format('expenses in %s, months that are over: %,.2f planned, %,.2f spent', currency,
            sum(presentation_budget_amount), sum(presentation_actual_amount))
        from lake.gold.fact_variance
        where account_type = 'expense' and is_month_over and has_budget and has_actual
        group by currency order by count(*) desc limit 1""",
    "fact_budget_entries": """
        select format('%,d plans, %,d of them replaced by a later entry', count(*), count_if(not is_effective))
        from lake.gold.fact_budget_entries""",
    "fact_budget_execution": """
        select format('programs in %s: %,.2f budgeted, %,.2f not allotted yet, %,.2f disbursed', currency,
            sum(budgeted_amount), sum(unallotted_amount), sum(disbursed_amount))
        from lake.gold.fact_budget_execution
        where level = 'line_item' and valid_to = date '9999-12-31'
        group by currency order by count(*) desc limit 1""",
    "fact_bank_transactions": """
        select format('%,d bookings in %s: %,.2f in, %,.2f out, %,d not categorized', count(*), currency,
            sum(income_amount), sum(expense_amount), count_if(category = 'uncategorized'))
        from lake.gold.fact_bank_transactions group by currency order by count(*) desc limit 1""",
    "fact_cash_position": """
        select format('%,.2f %s in %,d accounts', sum(closing_balance), currency, count(*))
        from lake.gold.fact_cash_position
        where position_date = (select max(position_date) from lake.gold.fact_cash_position)
        group by currency order by count(*) desc limit 1""",
    "fact_trades": """
        select format('%,d trades, %,d of them do not count', count(*), count_if(status <> 'counted'))
        from lake.gold.fact_trades""",
    "fact_portfolio_transactions": """
        select format('%,d cash transactions of portfolios in %s, net %,.2f', count(*), currency, sum(amount))
        from lake.gold.fact_portfolio_transactions group by currency order by count(*) desc limit 1""",
    "fact_lots": """
        select format('%,d lots in %s, %,d open at a cost of %,.2f', count(*), currency, count_if(is_open),
            sum(open_cost_amount))
        from lake.gold.fact_lots group by currency order by count(*) desc limit 1""",
    "fact_realized_pnl": """
        select format('%,.2f %s realized, first in first out', sum(realized_amount), currency)
        from lake.gold.fact_realized_pnl where status = 'matched'
        group by currency order by count(*) desc limit 1""",
    "fact_holdings": f"""
        select format('%,d holdings worth %,.2f %s, %,d without a price', count(*), sum(base_market_value_amount),
            base_currency, count_if(is_price_missing))
        from lake.gold.fact_holdings where {_NEWEST}
        group by base_currency order by count(*) desc limit 1""",
    "fact_reconciliation": """
        select format('%,d items of Stripe and NetSuite, %,d match, %,d open', count(*), count_if(is_perfect_match),
            count_if(is_open))
        from lake.gold.fact_reconciliation""",
    "fact_leakage_daily": f"""
        select format('%,.2f %s leak in %,d open items; %,d more await their posting', sum(leakage_amount), currency,
            sum(items), sum(awaited_items))
        from lake.gold.fact_leakage_daily where {_NEWEST}
        group by currency order by sum(items) desc limit 1""",
    "fact_processor_transactions": """
        select format('%,d movements in %s: %,.2f taken from customers, %,.2f of fees', count(*), currency,
            sum(if(is_revenue, amount, 0)), sum(total_fee_amount))
        from lake.gold.fact_processor_transactions group by currency order by count(*) desc limit 1""",
    "fact_processor_balance_daily": """
        select format('%,.2f %s at Stripe, in %,d categories of movements', sum(net_amount), currency,
            count(distinct reporting_category))
        from lake.gold.fact_processor_balance_daily group by currency order by count(*) desc limit 1""",
    "fact_payout_reconciliation": """
        select format('%,d payouts, %,d tie with their movements, the bank and NetSuite', count(*),
            count_if(status = 'tied'))
        from lake.gold.fact_payout_reconciliation""",
    "fact_processor_conflicts": """
        select format('%,d versions of Stripe''s objects that contradict the one that counts', count(*))
        from lake.gold.fact_processor_conflicts""",
    "fact_erp_postings": """
        select format('%,d postings of NetSuite in %s: debits %,.2f, credits %,.2f', count(*), base_currency,
            sum(base_debit_amount), sum(base_credit_amount))
        from lake.gold.fact_erp_postings group by base_currency order by count(*) desc limit 1""",
    "fact_cashflow_forecast_latest": """
        select format('%,.2f %s expected in 90 days, %,.2f in the worst case of ten', sum(closing_balance), currency,
            sum(closing_balance_lower_80))
        from lake.gold.fact_cashflow_forecast_latest where horizon_days = 90
        group by currency order by count(*) desc limit 1""",
    "fact_forecast_accuracy": """
        select format('%,d models were tried on %,d flows of cash', count(distinct model),
            count(distinct concat(org_id, currency, flow)))
        from lake.gold.fact_forecast_accuracy
        where run_date = (select max(run_date) from lake.gold.fact_forecast_accuracy)""",
    "fact_forecast_live_accuracy": """
        select format('%,d days of past forecasts scored', coalesce(sum(days), 0))
        from lake.gold.fact_forecast_live_accuracy where flow = 'net'""",
    "ml_anomaly_alerts": """
        select format('%,d things look wrong, %,d of them grave; %,d customers are overdue',
            count_if(kind not in ('overdue_receivable', 'low_balance')),
            count_if(kind not in ('overdue_receivable', 'low_balance') and severity = 'high'),
            count_if(kind = 'overdue_receivable'))
        from lake.gold.ml_anomaly_alerts
        where run_date = (select max(as_of_date) from lake.gold.fact_kpi_daily)""",
}


def highlights() -> dict[str, str | None]:
    """The line of every fact, by its name; None where the fact has no row to tell of. One statement."""
    parts = [f"select '{fact}' as fact, (select * from ({line})) as line" for fact, line in LINES.items()]
    found = dict(query(" union all ".join(parts)))
    return {fact: found[fact] for fact in LINES}
