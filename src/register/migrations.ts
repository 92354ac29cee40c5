import { columnAddition, tableCreation } from "../platform/table-creation.ts"

/** What is done once, and leaves tables that are there alone: even to look at their columns by altering them takes a lock. */
const attempts = `
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
  );`

const decisions = `
  create table decision_register (
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
  create index decision_register_waiting on decision_register (batch, number) where answered_at is null;
  create index decision_register_answered on decision_register (answered_at) where answered_at is not null;
  alter table instruction_tails add column noted_at timestamptz not null default now();
  -- Partitions of which somebody has accepted that their logs lost history, and when last.
  create table accepted_losses (
    partition int primary key,
    accepted_at timestamptz not null default now(),
    accepted_by text not null,
    reason text not null
  );`

const tellings = `
  -- How many have kept a decision and may have told it, and since when it is due to be told again.
  alter table decision_register
    add column tellers int not null default 1,
    add column due_at timestamptz not null default now();
  create index decision_register_due on decision_register (due_at) where answered_at is null;`

/** The tables of both registers, which are made by whoever starts first; in this order. */
export const registerTables: ReadonlyArray<string> = [
  tableCreation("instruction_register", attempts),
  tableCreation("decision_register", decisions),
  columnAddition("decision_register", "tellers", tellings),
]
