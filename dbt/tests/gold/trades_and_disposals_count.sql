-- What somebody has to look at: trades that are in no lot because of what they say, and disposals beyond what was held.
{{ config(severity='warn') }}

select org_id, trade_number, source, status
from {{ ref('fact_trades') }}
where status not in ('counted', 'not_yet', 'duplicate')

union all

select org_id, trade_number, null, status
from {{ ref('fact_realized_pnl') }}
where status = 'oversold'
