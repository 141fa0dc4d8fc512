-- What the bank booked, and the general ledger.

create table bank_transactions (
  id uuid primary key default uuidv7(),
  org_id uuid not null,
  bank_account_id uuid not null,
  payment_id uuid,
  transfer_group_id uuid,
  currency char(3) not null,
  amount numeric(19, 4) not null check (amount <> 0 and amount <> 'NaN'),
  booked_on date not null check (booked_on between '1900-01-01' and '2199-12-31'),
  counterparty text,
  description text,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  -- A bank books in its account's currency.
  foreign key (bank_account_id, org_id, currency)
    references bank_accounts (id, org_id, currency) on delete restrict,
  foreign key (payment_id, org_id) references payments (id, org_id) on delete restrict,
  constraint bank_transactions_payment_or_transfer check (num_nonnulls(payment_id, transfer_group_id) <= 1)
);
comment on table bank_transactions is 'What the bank booked.';
create index bank_transactions_updated_at on bank_transactions (updated_at);
create index bank_transactions_bank_account on bank_transactions (bank_account_id, org_id, currency);
create index bank_transactions_payment on bank_transactions (payment_id, org_id) where payment_id is not null;
create index bank_transactions_transfer_group on bank_transactions (transfer_group_id)
  where transfer_group_id is not null;
select internal.stamp_rows_of('bank_transactions');

create table gl_entries (
  id uuid primary key default uuidv7(),
  org_id uuid not null,
  journal_id uuid not null,
  account_id uuid not null,
  entry_date date not null check (entry_date between '1900-01-01' and '2199-12-31'),
  currency char(3) not null references currencies (code) on delete restrict,
  amount numeric(19, 4) not null check (amount <> 0 and amount <> 'NaN'),
  document_type text check (document_type in ('ar_invoice', 'ap_bill', 'payment', 'credit_note', 'transfer')),
  document_id uuid,
  memo text,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  foreign key (account_id, org_id) references gl_accounts (id, org_id) on delete restrict,
  constraint gl_entries_document_has_type check ((document_type is null) = (document_id is null))
);
comment on table gl_entries is 'Lines of the general ledger, balanced per journal.';
create index gl_entries_updated_at on gl_entries (updated_at);
create index gl_entries_journal on gl_entries (journal_id);
create index gl_entries_account on gl_entries (account_id, org_id);
create index gl_entries_currency on gl_entries (currency);
create index gl_entries_document on gl_entries (document_id) where document_id is not null;
select internal.stamp_rows_of('gl_entries');

-- Every journal sums to zero per organization and currency when its transaction commits. A statement whose
-- own changes sum to zero for a journal leaves it as balanced as it was, so only the others have to be looked
-- at again: they are noted here, and a deferred constraint trigger on this table looks at commit. Loading
-- whole journals, however many, costs one aggregation instead of one look per line.
create unlogged table internal.journals_to_check (
  journal_id uuid not null,
  noted_by xid8 not null default pg_current_xact_id()
);
create index journals_to_check_journal on internal.journals_to_check (journal_id);

create function internal.note_unbalanced_journals() returns trigger
language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into internal.journals_to_check (journal_id)
    select distinct journal_id from (
      select journal_id from new_rows group by journal_id, org_id, currency having sum(amount) <> 0
    ) as unbalanced;
  elsif tg_op = 'DELETE' then
    insert into internal.journals_to_check (journal_id)
    select distinct journal_id from (
      select journal_id from old_rows group by journal_id, org_id, currency having sum(amount) <> 0
    ) as unbalanced;
  else
    insert into internal.journals_to_check (journal_id)
    select distinct journal_id from (
      select journal_id
      from (
        select journal_id, org_id, currency, amount from new_rows
        union all
        select journal_id, org_id, currency, -amount from old_rows
      ) as changes
      group by journal_id, org_id, currency having sum(amount) <> 0
    ) as unbalanced;
  end if;
  return null;
end
$$;

create trigger note_unbalanced_on_insert after insert on gl_entries
referencing new table as new_rows for each statement execute function internal.note_unbalanced_journals();
create trigger note_unbalanced_on_update after update on gl_entries
referencing new table as new_rows old table as old_rows
for each statement execute function internal.note_unbalanced_journals();
create trigger note_unbalanced_on_delete after delete on gl_entries
referencing old table as old_rows for each statement execute function internal.note_unbalanced_journals();

create function internal.check_journal_balances() returns trigger
language plpgsql as $$
declare
  broken record;
begin
  select org_id, currency, sum(amount) as off into broken
  from gl_entries
  where journal_id = new.journal_id
  group by org_id, currency
  having sum(amount) <> 0
  limit 1;
  if broken.org_id is not null then
    raise exception 'journal % of organization % does not balance: its lines sum to % %',
      new.journal_id, broken.org_id, broken.off, broken.currency
      using errcode = 'check_violation', constraint = 'gl_entries_journal_balances',
      hint = 'Debits are positive, credits negative: write all lines of a journal in one transaction.';
  end if;
  delete from internal.journals_to_check
  where journal_id = new.journal_id and noted_by = pg_current_xact_id();
  return null;
end
$$;

create constraint trigger journal_balances after insert on internal.journals_to_check
deferrable initially deferred for each row execute function internal.check_journal_balances();
