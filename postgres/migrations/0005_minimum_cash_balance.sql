-- The cash an organization wants to hold at least, all its bank accounts together, in its base currency. NULL for
-- none: then no one is warned. A bank account's own minimum_balance is the bank's rule, this one is the company's.
alter table organizations
  add column minimum_cash_balance numeric(19, 4) check (minimum_cash_balance >= 0 and minimum_cash_balance <> 'NaN');
