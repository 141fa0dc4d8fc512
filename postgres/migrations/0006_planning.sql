-- Budgets and forecasts that people enter, beside those that arrive as files.
--
-- One row an entry, and never changed: of an account, a month and a scenario the newest entry counts, the others are its
-- history. Amounts are signed as the ledger's are, debit positive and credit negative, in the base currency that the
-- organization has on the day of the entry. org_id and currency follow from the account and need not be given.
create table input_budget (
  entry_id uuid primary key default uuidv7(),
  org_id uuid not null,
  account_id uuid not null,
  budget_month date not null check (budget_month between '1900-01-01' and '2199-12-31'),
  scenario text not null check (lower(scenario) in ('budget', 'forecast')),
  currency char(3) not null references currencies (code) on delete restrict,
  amount numeric(18, 2) not null check (amount <> 'NaN'),
  who text not null default session_user check (btrim(who) <> ''),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  foreign key (account_id, org_id) references gl_accounts (id, org_id) on delete restrict,
  constraint input_budget_month_is_its_first_day check (extract(day from budget_month) = 1)
);
comment on table input_budget is 'Budgets and forecasts as entered, per account, month and scenario; the newest counts.';
create index input_budget_updated_at on input_budget (updated_at);
create index input_budget_account on input_budget (account_id, org_id);
create index input_budget_currency on input_budget (currency);
select internal.stamp_rows_of('input_budget');

create function internal.complete_budget_entry() returns trigger
language plpgsql as $$
begin
  if new.org_id is null or new.currency is null then
    select coalesce(new.org_id, o.id), coalesce(new.currency, o.base_currency) into new.org_id, new.currency
    from gl_accounts as a join organizations as o on o.id = a.org_id
    where a.id = new.account_id;
    if not found then
      raise exception 'there is no ledger account %', new.account_id
        using errcode = 'foreign_key_violation', constraint = 'input_budget_account_exists',
        hint = 'account_id is the id of a row of gl_accounts.';
    end if;
  end if;
  return new;
end
$$;

create trigger complete before insert on input_budget
for each row execute function internal.complete_budget_entry();

create function internal.refuse_budget_change() returns trigger
language plpgsql as $$
begin
  raise exception 'budget entries are kept as they were made'
    using errcode = 'check_violation', constraint = 'input_budget_append_only',
    hint = 'Insert a new entry: the newest one counts.';
end
$$;

create trigger append_only before update or delete or truncate on input_budget
for each statement execute function internal.refuse_budget_change();
