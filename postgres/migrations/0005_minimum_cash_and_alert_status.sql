-- The cash an organization wants to hold at least, all its bank accounts together, in its base currency. NULL for
-- none: then no one is warned. A bank account's own minimum_balance is the bank's rule, this one is the company's.
alter table organizations
  add column minimum_cash_balance numeric(19, 4) check (minimum_cash_balance >= 0 and minimum_cash_balance <> 'NaN');

create schema review;
comment on schema review is 'What people have decided about what Tieout found. Not extracted.';

-- One row a decision, and never changed: the newest of an alert is its status, the others are its history. An alert
-- without a row is new; `new` takes a decision back. alert_id is ml_anomaly_alerts', which is of kind and subject, so
-- that a decision holds for every later run.
create table review.ml_alert_status (
  id uuid primary key default uuidv7(),
  alert_id text not null check (alert_id ~ '^[0-9a-f]{32}$'),
  status text not null check (status in ('new', 'acknowledged', 'dismissed')),
  reason text check (btrim(reason) <> ''),
  decided_by text not null check (btrim(decided_by) <> ''),
  decided_at timestamptz not null default clock_timestamp(),
  constraint ml_alert_status_dismissal_has_reason check (status <> 'dismissed' or reason is not null)
);
comment on table review.ml_alert_status is 'Decisions on alerts: acknowledged, dismissed, or new again.';
create index ml_alert_status_alert on review.ml_alert_status (alert_id, decided_at);

create function review.refuse_change() returns trigger
language plpgsql as $$
begin
  raise exception 'decisions on alerts are kept as they were made'
    using errcode = 'check_violation', constraint = 'ml_alert_status_append_only',
    hint = 'Insert a new decision: the newest one counts.';
end
$$;

create trigger append_only before update or delete or truncate on review.ml_alert_status
for each statement execute function review.refuse_change();
