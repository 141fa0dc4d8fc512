-- What bank transactions are: rules that a person writes, read with every run. The first rule by priority that holds
-- for a transaction names its section and category. How ties are decided stands in docs/DECISIONS.md.
create table bank_category_rules (
  id uuid primary key default uuidv7(),
  -- NULL: for every organization.
  org_id uuid references organizations (id) on delete restrict,
  name text not null check (btrim(name) <> ''),
  -- The smallest number is asked first.
  priority integer not null check (priority > 0),
  -- Conditions; all that are not NULL must hold. Texts are looked for as they are, in either case: there is no pattern
  -- that could be malformed. A space at either end is refused, because nobody sees it when a rule does not match.
  direction text check (direction in ('in', 'out')),
  payment_link text check (payment_link in ('customer_payment', 'supplier_payment', 'none')),
  counterparty_contains text check (counterparty_contains <> '' and counterparty_contains = btrim(counterparty_contains)),
  description_contains text check (description_contains <> '' and description_contains = btrim(description_contains)),
  currency char(3) references currencies (code) on delete restrict,
  amount_from numeric(19, 4) check (amount_from >= 0 and amount_from <> 'NaN'),
  amount_to numeric(19, 4) check (amount_to >= 0 and amount_to <> 'NaN'),
  -- What a transaction is then. Lower case, so that no category stands twice in a report for its spelling.
  section text not null check (section ~ '^[a-z][a-z0-9_]*$' and section <> 'uncategorized'),
  category text not null check (category ~ '^[a-z][a-z0-9_]*$' and category <> 'uncategorized'),
  is_active boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  unique nulls not distinct (org_id, name),
  constraint bank_category_rules_range_is_not_empty check (amount_from <= amount_to),
  -- 1,000 means something else in yen than in dollars.
  constraint bank_category_rules_range_has_currency
    check (num_nonnulls(amount_from, amount_to) = 0 or currency is not null),
  -- A leg of an internal transfer is no payment.
  constraint bank_category_rules_transfers_link_nothing
    check (section <> 'transfers' or payment_link is null)
);
comment on table bank_category_rules is 'Rules that name the section and category of bank transactions.';
create index bank_category_rules_updated_at on bank_category_rules (updated_at);
create index bank_category_rules_currency on bank_category_rules (currency);
select internal.stamp_rows_of('bank_category_rules');
