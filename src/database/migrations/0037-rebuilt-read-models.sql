-- Works from 0014 on.
-- A rebuild of the read models beside the live ones: how far it came, so that another process continues it.
create table read_model_rebuilds (
  id bigint generated always as identity primary key,
  started_at timestamptz not null default now(),
  -- Until when the process that works on it holds it.
  held_until timestamptz,
  state text not null default 'copying',
  -- The last batch that was copied, and how many batches and events were.
  copied_to text collate "C" not null default '',
  batches bigint not null default 0,
  events bigint not null default 0,
  ended_at timestamptz
);
