-- Securities and other instruments that organizations hold, their trades and prices; and who may see whose.
--
-- Quantities and prices are numeric(28, 10): ten digits after the point hold what exchanges report of
-- cryptocurrencies, and eighteen before it leave room for the cheapest of them.

create table instruments (
  id uuid primary key default uuidv7(),
  org_id uuid not null references organizations (id) on delete restrict,
  symbol text not null check (symbol = btrim(symbol) and symbol <> ''),
  name text not null check (btrim(name) <> ''),
  instrument_type text not null check (instrument_type in ('equity', 'fund', 'bond', 'crypto', 'commodity', 'other')),
  isin text check (isin ~ '^[A-Z]{2}[A-Z0-9]{9}[0-9]$'),
  currency char(3) not null references currencies (code) on delete restrict,
  is_active boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  unique (id, org_id),
  unique (id, org_id, currency),
  unique (org_id, symbol)
);
comment on table instruments is 'What an organization trades in: securities, funds, cryptocurrencies.';
create index instruments_updated_at on instruments (updated_at);
create index instruments_currency on instruments (currency);
select internal.stamp_rows_of('instruments');

create table instrument_prices (
  id uuid primary key default uuidv7(),
  org_id uuid not null,
  instrument_id uuid not null,
  price_date date not null check (price_date between '1900-01-01' and '2199-12-31'),
  price numeric(28, 10) not null check (price >= 0 and price <> 'NaN'),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  foreign key (instrument_id, org_id) references instruments (id, org_id) on delete restrict,
  unique (instrument_id, price_date)
);
comment on table instrument_prices is 'What one unit of an instrument was worth at the end of a day, in its currency.';
create index instrument_prices_updated_at on instrument_prices (updated_at);
create index instrument_prices_instrument on instrument_prices (instrument_id, org_id);
select internal.stamp_rows_of('instrument_prices');

-- That more is sold than is held is not refused here: trades are also delivered in files, so only all of them
-- together say what is held. fact_realized_pnl names it.
create table trades (
  id uuid primary key default uuidv7(),
  org_id uuid not null,
  trade_number text not null check (trade_number = btrim(trade_number) and trade_number <> ''),
  portfolio text not null check (portfolio = btrim(portfolio) and portfolio <> ''),
  account text check (btrim(account) <> ''),
  instrument_id uuid not null,
  trade_type text not null check (trade_type in ('buy', 'income', 'sell', 'gift', 'donation', 'fee', 'split')),
  traded_at timestamptz not null
    check (traded_at >= '1900-01-01 00:00:00+00' and traded_at < '2200-01-01 00:00:00+00'),
  currency char(3) not null,
  quantity numeric(28, 10) check (quantity > 0 and quantity <> 'NaN'),
  price numeric(28, 10) check (price >= 0 and price <> 'NaN'),
  amount numeric(19, 4) check (amount >= 0 and amount <> 'NaN'),
  fee_amount numeric(19, 4) not null default 0 check (fee_amount >= 0 and fee_amount <> 'NaN'),
  fee_quantity numeric(28, 10) not null default 0 check (fee_quantity >= 0 and fee_quantity <> 'NaN'),
  split_new integer check (split_new between 1 and 10000),
  split_old integer check (split_old between 1 and 10000),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  -- A trade is settled in its instrument's currency.
  foreign key (instrument_id, org_id, currency) references instruments (id, org_id, currency) on delete restrict,
  constraint trades_split_has_a_ratio_and_nothing_else check (
    case
      when trade_type = 'split' then
        num_nonnulls(split_new, split_old) = 2 and num_nonnulls(quantity, price, amount) = 0
        and fee_amount = 0 and fee_quantity = 0
      else num_nonnulls(split_new, split_old) = 0 and num_nonnulls(quantity, amount) = 2
    end),
  -- What a purchase costs in the instrument itself is not received: its quantity is entered net.
  constraint trades_fee_in_kind_is_of_disposals check (fee_quantity = 0 or trade_type not in ('buy', 'income')),
  unique (org_id, trade_number)
);
comment on table trades is 'Trades in instruments as they were entered in the app.';
create index trades_updated_at on trades (updated_at);
create index trades_instrument on trades (instrument_id, org_id, currency);
select internal.stamp_rows_of('trades');

create schema access;
comment on schema access is 'Who may see what. Not extracted: it says nothing about money.';

create table access.users (
  id uuid primary key default uuidv7(),
  email text not null check (email like '%_@_%' and email = lower(email)),
  name text not null check (btrim(name) <> ''),
  is_active boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  unique (email)
);
comment on table access.users is 'People who sign in.';

-- A bank administrator sees every organization, a corporate user one organization, an individual one portfolio of
-- one organization. A membership is ended, not deleted, so that who could see what on a day can still be told.
create table access.memberships (
  id uuid primary key default uuidv7(),
  user_id uuid not null references access.users (id) on delete restrict,
  role text not null check (role in ('bank_administrator', 'corporate', 'individual')),
  org_id uuid references public.organizations (id) on delete restrict,
  portfolio text check (portfolio = btrim(portfolio) and portfolio <> ''),
  granted_by text not null check (btrim(granted_by) <> ''),
  granted_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  constraint memberships_role_has_its_scope check (
    (role = 'bank_administrator') = (org_id is null) and (role = 'individual') = (portfolio is not null)),
  constraint memberships_end_after_they_begin check (ended_at >= granted_at)
);
comment on table access.memberships is 'The role of a user, and the organization or portfolio that it is for.';
create unique index memberships_one_at_a_time on access.memberships (user_id, role, org_id, portfolio)
  nulls not distinct where ended_at is null;
create index memberships_organization on access.memberships (org_id);

create view access.visible_organizations as
select distinct m.user_id, o.id as org_id, m.portfolio
from access.memberships as m
join access.users as u on u.id = m.user_id and u.is_active
join public.organizations as o on m.role = 'bank_administrator' or o.id = m.org_id
where m.ended_at is null;
comment on view access.visible_organizations is
  'The organizations each active user may see; where a portfolio is named, that portfolio of it alone.';
