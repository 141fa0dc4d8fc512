-- Money is decimal everywhere: no column of Silver or Gold is a binary float, but for these scores of models.
-- depends_on: {{ ref('fact_ap_aging') }}
-- depends_on: {{ ref('fact_ap_bills') }}
-- depends_on: {{ ref('fact_ar_aging') }}
-- depends_on: {{ ref('fact_ar_invoices') }}
-- depends_on: {{ ref('fact_bank_transactions') }}
-- depends_on: {{ ref('fact_budget_entries') }}
-- depends_on: {{ ref('fact_budget_execution') }}
-- depends_on: {{ ref('fact_cash_position') }}
-- depends_on: {{ ref('fact_control_account_differences') }}
-- depends_on: {{ ref('fact_control_account_ties') }}
-- depends_on: {{ ref('fact_erp_postings') }}
-- depends_on: {{ ref('fact_financials') }}
-- depends_on: {{ ref('fact_gl_balances') }}
-- depends_on: {{ ref('fact_gl_entries') }}
-- depends_on: {{ ref('fact_holdings') }}
-- depends_on: {{ ref('fact_kpi_daily') }}
-- depends_on: {{ ref('fact_leakage_daily') }}
-- depends_on: {{ ref('fact_lots') }}
-- depends_on: {{ ref('fact_payments') }}
-- depends_on: {{ ref('fact_payout_reconciliation') }}
-- depends_on: {{ ref('fact_portfolio_transactions') }}
-- depends_on: {{ ref('fact_processor_balance_daily') }}
-- depends_on: {{ ref('fact_processor_conflicts') }}
-- depends_on: {{ ref('fact_processor_transactions') }}
-- depends_on: {{ ref('fact_realized_pnl') }}
-- depends_on: {{ ref('fact_reconciliation') }}
-- depends_on: {{ ref('fact_settlements') }}
-- depends_on: {{ ref('fact_trades') }}
-- depends_on: {{ ref('fact_trial_balance') }}
-- depends_on: {{ ref('fact_variance') }}
select table_schema, table_name, column_name, data_type
from lake.information_schema.columns
where table_schema in ('silver', 'gold_candidate')
    and data_type in ('double', 'real')
    and concat(table_name, '.', column_name) not in (
        'fact_forecast_accuracy.coverage_80',
        'fact_forecast_accuracy.coverage_95',
        'fact_forecast_accuracy.mase',
        'fact_forecast_accuracy.wape_daily',
        'fact_forecast_accuracy.wape_path',
        'fact_forecast_accuracy.wape_weekly',
        'fact_forecast_live_accuracy.coverage_80',
        'fact_forecast_live_accuracy.coverage_95',
        'fact_forecast_live_accuracy.mase',
        'fact_forecast_live_accuracy.wape',
        'ml_anomaly_alerts.score'
    )
