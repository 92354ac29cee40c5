-- Works from 0014 on.
-- A rebuild of the read models: tables of the same names grow in a schema of their own, and then take the place of the live ones.
create schema if not exists rebuilt;

-- How far each rebuild came, so that another process continues it. One is under way at a time.
create table read_model_rebuilds (
  id bigint generated always as identity primary key,
  started_at timestamptz not null default now(),
  -- The process that works on it, and until when it has it. After that another one may continue.
  holder text,
  held_until timestamptz,
  -- listing, copying, indexing, following; then switched or abandoned.
  state text not null default 'listing',
  -- How many batches there are to copy, the last one that was copied, and how many batches and events were.
  listed bigint not null default 0,
  copied_to text collate "C" not null default '',
  batches bigint not null default 0,
  events bigint not null default 0,
  ended_at timestamptz
);
create unique index read_model_rebuilds_under_way on read_model_rebuilds ((true)) where ended_at is null;

-- Until then nobody moves a checkpoint: whoever holds it reads what is before it.
alter table projection_checkpoints add column held_until timestamptz;
