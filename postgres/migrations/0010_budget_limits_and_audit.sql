-- The limits of budget execution, and the record of every change to its tables.
--
-- The triggers here fire always, also for a session that suspends triggers to load in bulk.

-- What stands of each line item, allotment, obligation and disbursement (levels 1 to 4; its adjustments counted in),
-- and what the level below has used of it. A limit is checked against this row and not against a sum over the
-- children, so an entry costs the same however many there are already. It is also what writers queue on.
--
-- Locks are taken in one order, so that writers wait for each other and never in a circle: rows of the tables first
-- (by foreign keys and by the statement itself), then balances by level and id. A statement has the balances of one
-- level and the level above it only. Two transactions of several statements, or two statements that each update many
-- rows of a table, can still cross, as they can on any table; Postgres then ends one of them.
create table internal.budget_balances (
  entry_id uuid primary key,
  level smallint not null check (level between 1 and 4),
  entry_date date not null,
  standing_amount numeric(38, 4) not null default 0,
  used_amount numeric(38, 4) not null default 0,
  constraint budget_balances_within_limits check (used_amount between 0 and standing_amount)
)
-- Room for the next version of a row on its own page: a balance is written often.
with (fillfactor = 50);

create function internal.refuse_by_hand() returns trigger
language plpgsql as $$
begin
  raise exception '% is written by triggers alone', tg_table_name
    using errcode = 'check_violation', constraint = tg_table_name || '_by_trigger_only',
    hint = 'Write the tables that it follows from.';
end
$$;

create trigger by_trigger_only before insert or update or delete on internal.budget_balances
for each statement when (pg_trigger_depth() = 0) execute function internal.refuse_by_hand();
create trigger by_trigger_only_truncate before truncate on internal.budget_balances
for each statement execute function internal.refuse_by_hand();
alter table internal.budget_balances enable always trigger by_trigger_only;
alter table internal.budget_balances enable always trigger by_trigger_only_truncate;

-- Arguments: the table's level, and the column that names its parent (none for line items).
create function internal.keep_budget_balances() returns trigger
language plpgsql as $$
declare
  own_level constant smallint := tg_argv[0];
  parent constant text := coalesce(quote_ident(tg_argv[1]), 'null::uuid');
  constraints constant text[] := array[
    'allotments_within_line_item', 'obligations_within_allotment', 'disbursements_within_obligation',
    'reversals_within_disbursement'
  ];
  names constant text[] := array['budget line item', 'allotment', 'obligation', 'disbursement'];
  moves text;
  entries uuid[];
  standing_changes numeric[];
  used_changes numeric[];
  found_entries integer;
  broken record;
  asked numeric;
begin
  if tg_op = 'INSERT' then
    insert into internal.budget_balances (entry_id, level, entry_date)
    select id, own_level, entry_date from new_rows where adjusts_id is null;
  end if;

  moves := concat_ws(
    ' union all ',
    case when tg_op <> 'DELETE' then
      format('select 1 as sign, id, adjusts_id, %s as parent_id, amount from new_rows', parent)
    end,
    case when tg_op <> 'INSERT' then
      format('select -1 as sign, id, adjusts_id, %s as parent_id, amount from old_rows', parent)
    end
  );
  execute format(
    $sql$
    select array_agg(entry_id), array_agg(standing_change), array_agg(used_change)
    from (
      select entry_id, sum(standing_change) as standing_change, sum(used_change) as used_change
      from (
        select coalesce(adjusts_id, id) as entry_id, sign * amount as standing_change, 0 as used_change
        from (%1$s) as own
        union all
        select parent_id, 0, sign * amount from (%1$s) as below where parent_id is not null
      ) as changes
      group by entry_id
      having sum(standing_change) <> 0 or sum(used_change) <> 0
    ) as changed
    $sql$, moves)
  into entries, standing_changes, used_changes;

  if entries is not null then
    perform 1 from internal.budget_balances
    where entry_id = any (entries)
    order by level, entry_id
    for no key update;
    get diagnostics found_entries = row_count;
    if found_entries < cardinality(entries) then
      raise exception 'a row of % builds on an adjustment', tg_table_name
        using errcode = 'check_violation', constraint = 'budget_entries_build_on_originals',
        hint = 'Name the entry that was adjusted.';
    end if;

    select balances.*, changes.standing_change, changes.used_change into broken
    from unnest(entries, standing_changes, used_changes) as changes (entry_id, standing_change, used_change)
    join internal.budget_balances as balances using (entry_id)
    where balances.used_amount + changes.used_change > balances.standing_amount + changes.standing_change
    order by balances.level, balances.entry_id
    limit 1;
    if broken.entry_id is not null then
      asked := broken.used_change - broken.standing_change;
      raise exception '% % of %, of which % is used, cannot give %',
        names[broken.level], broken.entry_id, broken.standing_amount, broken.used_amount, asked
        using errcode = 'check_violation', constraint = constraints[broken.level],
        detail = json_build_object(
          'entry_id', broken.entry_id, 'limit', broken.standing_amount::text, 'used', broken.used_amount::text,
          'asked', asked::text
        )::text,
        hint = case
          when broken.used_change > 0 then format('%s is left: ask for less, or raise the %s first.',
            broken.standing_amount - broken.used_amount, names[broken.level])
          else 'Reverse what uses it first, or take back less.'
        end;
    end if;

    update internal.budget_balances as balances
    set standing_amount = balances.standing_amount + changes.standing_change,
      used_amount = balances.used_amount + changes.used_change
    from unnest(entries, standing_changes, used_changes) as changes (entry_id, standing_change, used_change)
    where balances.entry_id = changes.entry_id;
  end if;

  if tg_op = 'DELETE' then
    delete from internal.budget_balances where entry_id in (select id from old_rows where adjusts_id is null);
  else
    -- Dates of entries never change, so only where a row came or moved can this fail.
    execute format(
      $sql$
      select new_rows.id, new_rows.entry_date, balances.entry_date as earliest
      from new_rows
      join internal.budget_balances as balances on balances.entry_id in (new_rows.adjusts_id, %s)
      where new_rows.entry_date < balances.entry_date
      limit 1
      $sql$, case when tg_argv[1] is null then 'new_rows.adjusts_id' else 'new_rows.' || parent end)
    into broken;
    if broken.id is not null then
      raise exception 'entry % of % is dated %, before % when what it builds on was booked',
        broken.id, tg_table_name, broken.entry_date, broken.earliest
        using errcode = 'check_violation', constraint = 'budget_entries_follow_in_time',
        hint = 'Date it on that day or later.';
    end if;
  end if;
  return null;
end
$$;

create function internal.refuse_other_entry() returns trigger
language plpgsql as $$
begin
  raise exception 'entry % of %: its id, its date and what it adjusts cannot change', old.id, tg_table_name
    using errcode = 'check_violation', constraint = 'budget_entries_keep_their_identity',
    hint = 'Reverse it and book it again; one on which nothing builds may also be deleted.';
end
$$;

create function internal.forget_budget_balances() returns trigger
language plpgsql as $$
begin
  delete from internal.budget_balances where level = tg_argv[0]::smallint;
  return null;
end
$$;

do $$
declare
  level integer := 0;
  target text;
  parent text;
begin
  for target, parent in values
    ('budget_line_items', null), ('allotments', 'budget_line_item_id'), ('obligations', 'allotment_id'),
    ('disbursements', 'obligation_id')
  loop
    level := level + 1;
    execute format(
      $sql$
      create trigger within_limits_on_insert after insert on %1$I
      referencing new table as new_rows for each statement execute function internal.keep_budget_balances(%2$s);
      create trigger within_limits_on_update after update on %1$I
      referencing new table as new_rows old table as old_rows
      for each statement execute function internal.keep_budget_balances(%2$s);
      create trigger within_limits_on_delete after delete on %1$I
      referencing old table as old_rows for each statement execute function internal.keep_budget_balances(%2$s);
      create trigger within_limits_on_truncate before truncate on %1$I
      for each statement execute function internal.forget_budget_balances(%2$s);
      create trigger keeps_identity before update on %1$I for each row
      when ((new.id, new.adjusts_id, new.entry_date) is distinct from (old.id, old.adjusts_id, old.entry_date))
      execute function internal.refuse_other_entry();
      alter table %1$I enable always trigger within_limits_on_insert;
      alter table %1$I enable always trigger within_limits_on_update;
      alter table %1$I enable always trigger within_limits_on_delete;
      alter table %1$I enable always trigger within_limits_on_truncate;
      alter table %1$I enable always trigger keeps_identity;
      $sql$, target, concat_ws(', ', level, quote_literal(parent)));
  end loop;
end
$$;

-- Who is the application's user where it says so (set local tieout.actor), else the database's; db_user is always the
-- latter. A truncated table is recorded as the deletion of each of its rows.
create table budgeting.budget_audit (
  id bigint generated always as identity primary key,
  table_name text not null,
  row_id uuid not null,
  action text not null check (action in ('insert', 'update', 'delete')),
  actor text not null default coalesce(nullif(current_setting('tieout.actor', true), ''), session_user),
  db_user text not null default session_user,
  changed_at timestamptz not null default clock_timestamp(),
  transaction_id xid8 not null default pg_current_xact_id(),
  before jsonb,
  after jsonb,
  constraint budget_audit_before_and_after_follow_action
    check ((action = 'insert') = (before is null) and (action = 'delete') = (after is null))
);
comment on table budgeting.budget_audit is
  'Every insert, update and delete of the tables of budget execution. Append-only.';
create index budget_audit_row on budgeting.budget_audit (row_id, id);
create index budget_audit_changed_at on budgeting.budget_audit (changed_at);

create function budgeting.refuse_audit_change() returns trigger
language plpgsql as $$
begin
  raise exception 'the audit of budget execution is kept as it was written'
    using errcode = 'check_violation', constraint = 'budget_audit_append_only',
    hint = 'Change the tables themselves: the change is added to the audit.';
end
$$;

create trigger append_only before update or delete or truncate on budgeting.budget_audit
for each statement execute function budgeting.refuse_audit_change();
create trigger by_trigger_only before insert on budgeting.budget_audit
for each statement when (pg_trigger_depth() = 0) execute function internal.refuse_by_hand();
alter table budgeting.budget_audit enable always trigger append_only;
alter table budgeting.budget_audit enable always trigger by_trigger_only;

create function budgeting.record_change() returns trigger
language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into budgeting.budget_audit (table_name, row_id, action, after)
    select tg_table_name, id, 'insert', to_jsonb(new_rows) from new_rows;
  elsif tg_op = 'DELETE' then
    insert into budgeting.budget_audit (table_name, row_id, action, before)
    select tg_table_name, id, 'delete', to_jsonb(old_rows) from old_rows;
  elsif tg_op = 'UPDATE' then
    -- A row whose key was changed is another row.
    insert into budgeting.budget_audit (table_name, row_id, action, before, after)
    select tg_table_name, coalesce(old_rows.id, new_rows.id),
      case when old_rows.id is null then 'insert' when new_rows.id is null then 'delete' else 'update' end,
      to_jsonb(old_rows), to_jsonb(new_rows)
    from old_rows
    full join new_rows on new_rows.id = old_rows.id;
  else
    execute format(
      'insert into budgeting.budget_audit (table_name, row_id, action, before) '
      'select %L, id, ''delete'', to_jsonb(t) from %I.%I as t', tg_table_name, tg_table_schema, tg_table_name
    );
  end if;
  return null;
end
$$;

do $$
declare
  target regclass;
begin
  foreach target in array array[
    'budgeting.budget_proposals', 'budgeting.budget_justifications', 'budgeting.work_items', 'program_budgets',
    'budget_line_items', 'allotments', 'obligations', 'disbursements'
  ]::regclass[]
  loop
    execute format(
      $sql$
      create trigger audit_insert after insert on %1$s
      referencing new table as new_rows for each statement execute function budgeting.record_change();
      create trigger audit_update after update on %1$s
      referencing new table as new_rows old table as old_rows
      for each statement execute function budgeting.record_change();
      create trigger audit_delete after delete on %1$s
      referencing old table as old_rows for each statement execute function budgeting.record_change();
      create trigger audit_truncate before truncate on %1$s
      for each statement execute function budgeting.record_change();
      alter table %1$s enable always trigger audit_insert;
      alter table %1$s enable always trigger audit_update;
      alter table %1$s enable always trigger audit_delete;
      alter table %1$s enable always trigger audit_truncate;
      $sql$, target);
  end loop;
end
$$;
