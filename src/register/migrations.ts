/**
 * The tables of both registers. `create table if not exists` can fail when two processes start at once, hence the lock.
 * Sent as one simple query, all statements are one transaction, and the lock ends with it.
 */
export const registerTables = `
  select pg_advisory_xact_lock(hashtext('atlaspay.instruction_register'));
  create table if not exists instruction_register (
    batch text collate "C" not null,
    item int not null,
    attempt int not null,
    bank text not null,
    recorded_at timestamptz not null default now(),
    primary key (batch, item, attempt)
  );
  create table if not exists instruction_tails (
    batch text collate "C" primary key,
    version int not null,
    head text not null
  );
  create table if not exists decision_register (
    number bigint generated always as identity,
    batch text collate "C" not null,
    id text collate "C" not null,
    digest text not null,
    command text not null,
    kept_at timestamptz not null default now(),
    -- How far the log had come when it had answered; nothing until then.
    answered_version int,
    answered_head text,
    answered_at timestamptz,
    primary key (batch, id)
  );
  create index if not exists decision_register_waiting on decision_register (batch, number)
    where answered_at is null;
  create index if not exists decision_register_answered on decision_register (answered_at)
    where answered_at is not null`
