-- Budget execution: what was budgeted is released by quarter (allotments), committed (obligations) and paid
-- (disbursements). Each level stays within the one above it.
--
-- An entry is never edited to change what stands: a row that adjusts it (adjusts_id) is added, with an amount and a
-- date of its own. So what stood on any day is the sum of the rows dated by then.

-- Its amount is that of its lines: a total kept beside them could only disagree.
create table program_budgets (
  id uuid primary key default uuidv7(),
  org_id uuid not null references organizations (id) on delete restrict,
  program_code text not null check (btrim(program_code) <> ''),
  name text not null check (btrim(name) <> ''),
  fiscal_year integer not null check (fiscal_year between 1900 and 2199),
  currency char(3) not null references currencies (code) on delete restrict,
  adopted_on date not null check (adopted_on between '1900-01-01' and '2199-12-31'),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  unique (id, org_id),
  unique (id, org_id, currency),
  unique (org_id, program_code, fiscal_year)
);
comment on table program_budgets is 'Adopted budgets of programs, one a fiscal year.';
create index program_budgets_updated_at on program_budgets (updated_at);
create index program_budgets_currency on program_budgets (currency);
select internal.stamp_rows_of('program_budgets');

create table budget_line_items (
  id uuid primary key default uuidv7(),
  org_id uuid not null,
  program_budget_id uuid not null,
  account_id uuid not null,
  adjusts_id uuid,
  line_number text not null check (btrim(line_number) <> ''),
  description text,
  currency char(3) not null,
  amount numeric(19, 4) not null check (amount <> 0 and amount <> 'NaN'),
  entry_date date not null check (entry_date between '1900-01-01' and '2199-12-31'),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  foreign key (program_budget_id, org_id, currency)
    references program_budgets (id, org_id, currency) on delete restrict,
  foreign key (account_id, org_id) references gl_accounts (id, org_id) on delete restrict,
  unique (id, org_id, currency),
  unique (id, org_id, currency, program_budget_id),
  foreign key (adjusts_id, org_id, currency, program_budget_id)
    references budget_line_items (id, org_id, currency, program_budget_id) on delete restrict,
  unique (program_budget_id, line_number),
  constraint budget_line_items_only_amendments_lower check (amount > 0 or adjusts_id is not null)
);
comment on table budget_line_items is 'Lines of program budgets, and their amendments.';
create index budget_line_items_updated_at on budget_line_items (updated_at);
create index budget_line_items_program on budget_line_items (program_budget_id, org_id, currency);
create index budget_line_items_account on budget_line_items (account_id, org_id);
create index budget_line_items_adjusts on budget_line_items (adjusts_id, org_id, currency, program_budget_id)
  where adjusts_id is not null;
select internal.stamp_rows_of('budget_line_items');

create table allotments (
  id uuid primary key default uuidv7(),
  org_id uuid not null references organizations (id) on delete restrict,
  budget_line_item_id uuid not null,
  quarter integer not null check (quarter between 1 and 4),
  adjusts_id uuid,
  reference text not null check (btrim(reference) <> ''),
  currency char(3) not null,
  amount numeric(19, 4) not null check (amount <> 'NaN'),
  entry_date date not null check (entry_date between '1900-01-01' and '2199-12-31'),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  foreign key (budget_line_item_id, org_id, currency)
    references budget_line_items (id, org_id, currency) on delete restrict,
  unique (id, org_id, currency),
  unique (id, org_id, currency, budget_line_item_id, quarter),
  foreign key (adjusts_id, org_id, currency, budget_line_item_id, quarter)
    references allotments (id, org_id, currency, budget_line_item_id, quarter) on delete restrict,
  unique (org_id, reference),
  constraint allotments_reversals_are_negative
    check (case when adjusts_id is null then amount > 0 else amount < 0 end)
);
comment on table allotments is 'What of a budget line is released for a quarter, and what is withdrawn.';
create index allotments_updated_at on allotments (updated_at);
create index allotments_line_item on allotments (budget_line_item_id, org_id, currency);
create index allotments_adjusts on allotments (adjusts_id, org_id, currency, budget_line_item_id, quarter)
  where adjusts_id is not null;
select internal.stamp_rows_of('allotments');

create table obligations (
  id uuid primary key default uuidv7(),
  org_id uuid not null references organizations (id) on delete restrict,
  allotment_id uuid not null,
  adjusts_id uuid,
  reference text not null check (btrim(reference) <> ''),
  description text,
  currency char(3) not null,
  amount numeric(19, 4) not null check (amount <> 'NaN'),
  entry_date date not null check (entry_date between '1900-01-01' and '2199-12-31'),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  foreign key (allotment_id, org_id, currency) references allotments (id, org_id, currency) on delete restrict,
  unique (id, org_id, currency),
  unique (id, org_id, currency, allotment_id),
  foreign key (adjusts_id, org_id, currency, allotment_id)
    references obligations (id, org_id, currency, allotment_id) on delete restrict,
  unique (org_id, reference),
  constraint obligations_reversals_are_negative
    check (case when adjusts_id is null then amount > 0 else amount < 0 end)
);
comment on table obligations is 'Commitments against an allotment, and what of them is released again.';
create index obligations_updated_at on obligations (updated_at);
create index obligations_allotment on obligations (allotment_id, org_id, currency);
create index obligations_adjusts on obligations (adjusts_id, org_id, currency, allotment_id)
  where adjusts_id is not null;
select internal.stamp_rows_of('obligations');

create table disbursements (
  id uuid primary key default uuidv7(),
  org_id uuid not null references organizations (id) on delete restrict,
  obligation_id uuid not null,
  adjusts_id uuid,
  reference text not null check (btrim(reference) <> ''),
  currency char(3) not null,
  amount numeric(19, 4) not null check (amount <> 'NaN'),
  entry_date date not null check (entry_date between '1900-01-01' and '2199-12-31'),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  foreign key (obligation_id, org_id, currency) references obligations (id, org_id, currency) on delete restrict,
  unique (id, org_id, currency, obligation_id),
  foreign key (adjusts_id, org_id, currency, obligation_id)
    references disbursements (id, org_id, currency, obligation_id) on delete restrict,
  unique (org_id, reference),
  constraint disbursements_reversals_are_negative
    check (case when adjusts_id is null then amount > 0 else amount < 0 end)
);
comment on table disbursements is 'Money paid on an obligation, and what of it came back.';
create index disbursements_updated_at on disbursements (updated_at);
create index disbursements_obligation on disbursements (obligation_id, org_id, currency);
create index disbursements_adjusts on disbursements (adjusts_id, org_id, currency, obligation_id)
  where adjusts_id is not null;
select internal.stamp_rows_of('disbursements');

-- The work around a budget. Gold does not read it, so it stands outside public, whose tables are all extracted.
create schema budgeting;
comment on schema budgeting is 'How budgets come about and who changed them. Not extracted.';

create table budgeting.budget_proposals (
  id uuid primary key default uuidv7(),
  org_id uuid not null references organizations (id) on delete restrict,
  program_code text not null check (btrim(program_code) <> ''),
  name text not null check (btrim(name) <> ''),
  fiscal_year integer not null check (fiscal_year between 1900 and 2199),
  currency char(3) not null references currencies (code) on delete restrict,
  amount numeric(19, 4) not null check (amount > 0 and amount <> 'NaN'),
  status text not null default 'draft' check (status in ('draft', 'submitted', 'adopted', 'rejected')),
  proposed_by text not null check (btrim(proposed_by) <> ''),
  decided_on date check (decided_on between '1900-01-01' and '2199-12-31'),
  program_budget_id uuid,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  unique (id, org_id),
  foreign key (program_budget_id, org_id, currency)
    references program_budgets (id, org_id, currency) on delete restrict,
  constraint budget_proposals_decided_on_iff_decided
    check ((status in ('adopted', 'rejected')) = (decided_on is not null)),
  constraint budget_proposals_budget_iff_adopted check ((status = 'adopted') = (program_budget_id is not null))
);
comment on table budgeting.budget_proposals is 'What programs ask for; an adopted proposal names the budget it became.';
create index budget_proposals_org on budgeting.budget_proposals (org_id, fiscal_year);
create index budget_proposals_currency on budgeting.budget_proposals (currency);
create index budget_proposals_budget on budgeting.budget_proposals (program_budget_id, org_id, currency)
  where program_budget_id is not null;
select internal.stamp_rows_of('budgeting.budget_proposals');

create table budgeting.budget_justifications (
  id uuid primary key default uuidv7(),
  org_id uuid not null,
  budget_proposal_id uuid not null,
  justification text not null check (btrim(justification) <> ''),
  written_by text not null check (btrim(written_by) <> ''),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  foreign key (budget_proposal_id, org_id) references budgeting.budget_proposals (id, org_id) on delete restrict
);
comment on table budgeting.budget_justifications is 'Why a proposal asks for what it asks for.';
create index budget_justifications_proposal on budgeting.budget_justifications (budget_proposal_id, org_id);
select internal.stamp_rows_of('budgeting.budget_justifications');

create table budgeting.work_items (
  id uuid primary key default uuidv7(),
  org_id uuid not null references organizations (id) on delete restrict,
  budget_proposal_id uuid,
  program_budget_id uuid,
  title text not null check (btrim(title) <> ''),
  status text not null default 'open' check (status in ('open', 'done', 'cancelled')),
  assigned_to text check (btrim(assigned_to) <> ''),
  due_on date check (due_on between '1900-01-01' and '2199-12-31'),
  closed_on date check (closed_on between '1900-01-01' and '2199-12-31'),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  foreign key (budget_proposal_id, org_id) references budgeting.budget_proposals (id, org_id) on delete restrict,
  foreign key (program_budget_id, org_id) references program_budgets (id, org_id) on delete restrict,
  constraint work_items_one_subject check (num_nonnulls(budget_proposal_id, program_budget_id) = 1),
  constraint work_items_closed_on_iff_closed check ((status = 'open') = (closed_on is null))
);
comment on table budgeting.work_items is 'What someone has to do for a proposal or a program''s budget.';
create index work_items_org on budgeting.work_items (org_id, status);
create index work_items_proposal on budgeting.work_items (budget_proposal_id, org_id)
  where budget_proposal_id is not null;
create index work_items_budget on budgeting.work_items (program_budget_id, org_id)
  where program_budget_id is not null;
select internal.stamp_rows_of('budgeting.work_items');
