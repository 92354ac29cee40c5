-- The second record of people's decisions, and of the compliance engine's against an item.
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
);
