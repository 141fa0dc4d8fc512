-- Who keeps books, with whom it trades, and the accounts it keeps them in.
--
-- Rules that hold in all migrations:
-- * A foreign key to a row of an organization names org_id too, so that no row can point into another
--   organization's books; the parent's unique (id, org_id) is there for that. It also proves that the
--   organization exists.
-- * numeric takes NaN, and NaN is greater than every number, so that "> 0" lets it in: money and rates refuse
--   it by name.
-- * Dates stand between 1900 and 2199: this refuses 'infinity' and mistyped years, which no reader downstream
--   can hold.

create table organizations (
  id uuid primary key default uuidv7(),
  name text not null check (btrim(name) <> ''),
  country char(2) not null check (country ~ '^[A-Z]{2}$'),
  base_currency char(3) not null references currencies (code) on delete restrict,
  netsuite_subsidiary_id bigint unique check (netsuite_subsidiary_id > 0),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);
comment on table organizations is 'The legal entities whose books are kept.';
create index organizations_updated_at on organizations (updated_at);
create index organizations_base_currency on organizations (base_currency);
select internal.stamp_rows_of('organizations');

create table fx_rates (
  id uuid primary key default uuidv7(),
  org_id uuid not null references organizations (id) on delete restrict,
  from_currency char(3) not null references currencies (code) on delete restrict,
  to_currency char(3) not null references currencies (code) on delete restrict,
  rate_type text not null check (rate_type in ('spot', 'average', 'closing')),
  rate_date date not null check (rate_date between '1900-01-01' and '2199-12-31'),
  rate numeric(20, 10) not null check (rate > 0 and rate <> 'NaN'),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  check (from_currency <> to_currency),
  unique (org_id, from_currency, to_currency, rate_type, rate_date)
);
comment on table fx_rates is
  'Exchange rates as an organization books them: one unit of from_currency in to_currency.';
create index fx_rates_updated_at on fx_rates (updated_at);
create index fx_rates_from_currency on fx_rates (from_currency);
create index fx_rates_to_currency on fx_rates (to_currency);
select internal.stamp_rows_of('fx_rates');

create table customers (
  id uuid primary key default uuidv7(),
  org_id uuid not null references organizations (id) on delete restrict,
  customer_number text not null check (btrim(customer_number) <> ''),
  name text not null check (btrim(name) <> ''),
  email text check (email like '%_@_%'),
  country text not null check (btrim(country) <> ''),
  currency char(3) not null references currencies (code) on delete restrict,
  payment_terms_days integer not null check (payment_terms_days between 0 and 3650),
  is_active boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  unique (id, org_id),
  unique (org_id, customer_number)
);
comment on table customers is 'Who is invoiced.';
create index customers_updated_at on customers (updated_at);
create index customers_currency on customers (currency);
select internal.stamp_rows_of('customers');

create table suppliers (
  id uuid primary key default uuidv7(),
  org_id uuid not null references organizations (id) on delete restrict,
  supplier_number text not null check (btrim(supplier_number) <> ''),
  name text not null check (btrim(name) <> ''),
  email text check (email like '%_@_%'),
  country text not null check (btrim(country) <> ''),
  currency char(3) not null references currencies (code) on delete restrict,
  payment_terms_days integer not null check (payment_terms_days between 0 and 3650),
  is_active boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  unique (id, org_id),
  unique (org_id, supplier_number)
);
comment on table suppliers is 'Who sends bills.';
create index suppliers_updated_at on suppliers (updated_at);
create index suppliers_currency on suppliers (currency);
select internal.stamp_rows_of('suppliers');

create table gl_accounts (
  id uuid primary key default uuidv7(),
  org_id uuid not null references organizations (id) on delete restrict,
  account_code text not null check (btrim(account_code) <> ''),
  name text not null check (btrim(name) <> ''),
  account_type text not null check (account_type in ('asset', 'liability', 'equity', 'revenue', 'expense')),
  normal_side text not null check (normal_side in ('debit', 'credit')),
  is_active boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  unique (id, org_id),
  unique (org_id, account_code)
);
comment on table gl_accounts is 'The chart of accounts of each organization.';
create index gl_accounts_updated_at on gl_accounts (updated_at);
select internal.stamp_rows_of('gl_accounts');

create table bank_accounts (
  id uuid primary key default uuidv7(),
  org_id uuid not null references organizations (id) on delete restrict,
  name text not null check (btrim(name) <> ''),
  -- A whole account number is not to be kept here: at most four digits may stand together.
  account_number text not null check (btrim(account_number) <> '' and account_number !~ '[0-9]{5}'),
  currency char(3) not null references currencies (code) on delete restrict,
  opening_balance numeric(19, 4) not null default 0 check (opening_balance <> 'NaN'),
  minimum_balance numeric(19, 4) not null default 0 check (minimum_balance <> 'NaN'),
  opened_on date not null check (opened_on between '1900-01-01' and '2199-12-31'),
  is_active boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  unique (id, org_id),
  unique (id, org_id, currency),
  unique (org_id, name)
);
comment on table bank_accounts is 'The organizations'' bank accounts.';
create index bank_accounts_updated_at on bank_accounts (updated_at);
create index bank_accounts_currency on bank_accounts (currency);
select internal.stamp_rows_of('bank_accounts');
