-- Invoices, bills, the payments that settle them and the credit notes that reduce them. Amounts of a
-- document, of its allocations and of its credit notes are in one currency: the foreign keys carry it.

create table ar_invoices (
  id uuid primary key default uuidv7(),
  org_id uuid not null,
  customer_id uuid not null,
  invoice_number text not null check (btrim(invoice_number) <> ''),
  status text not null check (status in ('draft', 'issued', 'void')),
  is_disputed boolean not null default false,
  currency char(3) not null references currencies (code) on delete restrict,
  subtotal_amount numeric(19, 4) not null check (subtotal_amount >= 0 and subtotal_amount <> 'NaN'),
  tax_amount numeric(19, 4) not null check (tax_amount >= 0 and tax_amount <> 'NaN'),
  total_amount numeric(19, 4) not null check (total_amount >= 0 and total_amount <> 'NaN'),
  invoice_date date not null check (invoice_date between '1900-01-01' and '2199-12-31'),
  due_date date not null check (due_date between '1900-01-01' and '2199-12-31'),
  voided_on date check (voided_on between '1900-01-01' and '2199-12-31'),
  memo text,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  foreign key (customer_id, org_id) references customers (id, org_id) on delete restrict,
  unique (id, org_id, currency),
  unique (org_id, invoice_number),
  constraint ar_invoices_total_is_subtotal_and_tax check (total_amount = subtotal_amount + tax_amount),
  constraint ar_invoices_due_not_before_issue check (due_date >= invoice_date),
  constraint ar_invoices_voided_on_iff_void check ((status = 'void') = (voided_on is not null)),
  constraint ar_invoices_void_not_before_issue check (voided_on >= invoice_date)
);
comment on table ar_invoices is 'Invoices to customers.';
create index ar_invoices_updated_at on ar_invoices (updated_at);
create index ar_invoices_customer on ar_invoices (customer_id, org_id);
create index ar_invoices_currency on ar_invoices (currency);
select internal.stamp_rows_of('ar_invoices');

create table ap_bills (
  id uuid primary key default uuidv7(),
  org_id uuid not null,
  supplier_id uuid not null,
  bill_number text not null check (btrim(bill_number) <> ''),
  status text not null check (status in ('draft', 'approved', 'void')),
  is_disputed boolean not null default false,
  currency char(3) not null references currencies (code) on delete restrict,
  subtotal_amount numeric(19, 4) not null check (subtotal_amount >= 0 and subtotal_amount <> 'NaN'),
  tax_amount numeric(19, 4) not null check (tax_amount >= 0 and tax_amount <> 'NaN'),
  total_amount numeric(19, 4) not null check (total_amount >= 0 and total_amount <> 'NaN'),
  bill_date date not null check (bill_date between '1900-01-01' and '2199-12-31'),
  due_date date not null check (due_date between '1900-01-01' and '2199-12-31'),
  voided_on date check (voided_on between '1900-01-01' and '2199-12-31'),
  memo text,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  foreign key (supplier_id, org_id) references suppliers (id, org_id) on delete restrict,
  unique (id, org_id, currency),
  -- Two suppliers may number alike; one supplier's number twice is a bill entered twice.
  unique (org_id, supplier_id, bill_number),
  constraint ap_bills_total_is_subtotal_and_tax check (total_amount = subtotal_amount + tax_amount),
  constraint ap_bills_due_not_before_bill check (due_date >= bill_date),
  constraint ap_bills_voided_on_iff_void check ((status = 'void') = (voided_on is not null)),
  constraint ap_bills_void_not_before_bill check (voided_on >= bill_date)
);
comment on table ap_bills is 'Bills from suppliers.';
create index ap_bills_updated_at on ap_bills (updated_at);
create index ap_bills_supplier on ap_bills (supplier_id, org_id);
create index ap_bills_currency on ap_bills (currency);
select internal.stamp_rows_of('ap_bills');

create table payments (
  id uuid primary key default uuidv7(),
  org_id uuid not null references organizations (id) on delete restrict,
  direction text not null check (direction in ('in', 'out')),
  status text not null check (status in ('pending', 'succeeded', 'failed', 'reversed')),
  customer_id uuid,
  supplier_id uuid,
  -- Its currency may differ from the payment's: the bank then converts.
  bank_account_id uuid,
  currency char(3) not null references currencies (code) on delete restrict,
  amount numeric(19, 4) not null check (amount > 0 and amount <> 'NaN'),
  payment_date date not null check (payment_date between '1900-01-01' and '2199-12-31'),
  reversed_on date check (reversed_on between '1900-01-01' and '2199-12-31'),
  processor text check (processor in ('stripe', 'bank')),
  processor_reference text check (btrim(processor_reference) <> ''),
  failure_reason text check (btrim(failure_reason) <> ''),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  foreign key (customer_id, org_id) references customers (id, org_id) on delete restrict,
  foreign key (supplier_id, org_id) references suppliers (id, org_id) on delete restrict,
  foreign key (bank_account_id, org_id) references bank_accounts (id, org_id) on delete restrict,
  unique (id, org_id),
  unique (id, org_id, currency),
  -- A charge that is booked twice is money counted twice.
  unique (org_id, processor, processor_reference),
  constraint payments_direction_names_its_party check (
    (direction = 'in' and customer_id is not null and supplier_id is null)
    or (direction = 'out' and supplier_id is not null and customer_id is null)
  ),
  constraint payments_reversed_on_iff_reversed check ((status = 'reversed') = (reversed_on is not null)),
  constraint payments_reversal_not_before_payment check (reversed_on >= payment_date),
  constraint payments_failure_reason_iff_failed check ((status = 'failed') = (failure_reason is not null)),
  constraint payments_reference_needs_processor check (processor_reference is null or processor is not null)
);
comment on table payments is 'Money received from customers and paid to suppliers.';
create index payments_updated_at on payments (updated_at);
create index payments_customer on payments (customer_id, org_id);
create index payments_supplier on payments (supplier_id, org_id);
create index payments_bank_account on payments (bank_account_id, org_id);
create index payments_currency on payments (currency);
select internal.stamp_rows_of('payments');

create table payment_allocations (
  id uuid primary key default uuidv7(),
  org_id uuid not null,
  payment_id uuid not null,
  ar_invoice_id uuid,
  ap_bill_id uuid,
  currency char(3) not null,
  amount numeric(19, 4) not null check (amount > 0 and amount <> 'NaN'),
  allocated_on date not null check (allocated_on between '1900-01-01' and '2199-12-31'),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  -- These prove the organization and the currency of both sides as well.
  foreign key (payment_id, org_id, currency) references payments (id, org_id, currency) on delete restrict,
  foreign key (ar_invoice_id, org_id, currency)
    references ar_invoices (id, org_id, currency) on delete restrict,
  foreign key (ap_bill_id, org_id, currency) references ap_bills (id, org_id, currency) on delete restrict,
  constraint payment_allocations_one_document check (num_nonnulls(ar_invoice_id, ap_bill_id) = 1)
);
comment on table payment_allocations is 'The part of a payment that settles an invoice or a bill.';
create index payment_allocations_updated_at on payment_allocations (updated_at);
create index payment_allocations_payment on payment_allocations (payment_id, org_id, currency);
create index payment_allocations_ar_invoice on payment_allocations (ar_invoice_id, org_id, currency)
  where ar_invoice_id is not null;
create index payment_allocations_ap_bill on payment_allocations (ap_bill_id, org_id, currency)
  where ap_bill_id is not null;
select internal.stamp_rows_of('payment_allocations');

create table credit_notes (
  id uuid primary key default uuidv7(),
  org_id uuid not null references organizations (id) on delete restrict,
  credit_note_number text not null check (btrim(credit_note_number) <> ''),
  ar_invoice_id uuid,
  ap_bill_id uuid,
  status text not null check (status in ('issued', 'void')),
  currency char(3) not null references currencies (code) on delete restrict,
  amount numeric(19, 4) not null check (amount > 0 and amount <> 'NaN'),
  issued_on date not null check (issued_on between '1900-01-01' and '2199-12-31'),
  reason text,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  foreign key (ar_invoice_id, org_id, currency)
    references ar_invoices (id, org_id, currency) on delete restrict,
  foreign key (ap_bill_id, org_id, currency) references ap_bills (id, org_id, currency) on delete restrict,
  unique (org_id, credit_note_number),
  constraint credit_notes_one_document check (num_nonnulls(ar_invoice_id, ap_bill_id) = 1)
);
comment on table credit_notes is 'Amounts taken off an invoice or a bill without a payment.';
create index credit_notes_updated_at on credit_notes (updated_at);
create index credit_notes_ar_invoice on credit_notes (ar_invoice_id, org_id, currency)
  where ar_invoice_id is not null;
create index credit_notes_ap_bill on credit_notes (ap_bill_id, org_id, currency)
  where ap_bill_id is not null;
create index credit_notes_currency on credit_notes (currency);
select internal.stamp_rows_of('credit_notes');

-- A payment cannot settle more than it brought, and money in settles invoices, money out bills. Seen once a
-- statement, not once a row; the payments are locked first, so that two writers cannot each allocate the
-- whole of one.
create function internal.check_allocations() returns trigger
language plpgsql as $$
declare
  broken record;
begin
  perform 1 from payments
  where id in (select payment_id from changed)
  order by id
  for no key update;

  select p.id, p.direction, p.currency, p.amount, a.allocated, a.invoices, a.bills
  into broken
  from (
    select
      payment_id, sum(amount) as allocated, count(ar_invoice_id) as invoices, count(ap_bill_id) as bills
    from payment_allocations
    where payment_id in (select payment_id from changed)
    group by payment_id
  ) as a
  join payments as p on p.id = a.payment_id
  where a.allocated > p.amount
    or (p.direction = 'in' and a.bills > 0)
    or (p.direction = 'out' and a.invoices > 0)
  limit 1;

  if broken.allocated > broken.amount then
    raise exception 'payment % of % % is allocated %: a payment cannot settle more than its amount',
      broken.id, broken.amount, broken.currency, broken.allocated
      using errcode = 'check_violation', constraint = 'payment_allocations_within_payment',
      hint = 'Lower or delete an allocation of this payment first.';
  elsif broken.id is not null then
    raise exception 'payment % goes % and is allocated to the wrong kind of document',
      broken.id, broken.direction
      using errcode = 'check_violation', constraint = 'payment_allocations_match_direction',
      hint = 'Money in settles ar_invoices, money out settles ap_bills.';
  end if;
  return null;
end
$$;

create trigger within_payment_on_insert after insert on payment_allocations
referencing new table as changed for each statement execute function internal.check_allocations();
create trigger within_payment_on_update after update on payment_allocations
referencing new table as changed for each statement execute function internal.check_allocations();

-- The same from the payment's side: its amount and direction cannot be changed away from under its
-- allocations.
create function internal.check_payment_still_covers() returns trigger
language plpgsql as $$
begin
  if exists (select from payment_allocations where payment_id = new.id) then
    if new.direction <> old.direction then
      raise exception 'payment % has allocations: its direction cannot change', new.id
        using errcode = 'check_violation', constraint = 'payment_allocations_match_direction';
    elsif new.amount < (select sum(amount) from payment_allocations where payment_id = new.id) then
      raise exception 'payment % is allocated for more than %: lower its allocations first',
        new.id, new.amount
        using errcode = 'check_violation', constraint = 'payment_allocations_within_payment';
    end if;
  end if;
  return null;
end
$$;

create trigger still_covers_allocations after update of amount, direction on payments
for each row when (new.amount < old.amount or new.direction <> old.direction)
execute function internal.check_payment_still_covers();
