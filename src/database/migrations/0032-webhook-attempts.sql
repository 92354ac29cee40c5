-- Works from 0014 on.
-- What is known of attempts that ended: of the last one in the delivery's own row, of those that failed, and of those before a
-- resend, in a table of their own.
alter table webhook_deliveries
  add column created_at timestamptz not null default now(),
  add column last_duration_ms int,
  -- The beginning of the answer, cleaned.
  add column last_answer text,
  -- Attempts from before the delivery was resent. The waits after failures begin anew behind them.
  add column attempts_before int not null default 0;

create table webhook_attempts (
  event_id text not null,
  endpoint text not null,
  number int not null,
  at timestamptz not null,
  duration_ms int,
  status int,
  error text,
  answer text,
  primary key (event_id, endpoint, number),
  foreign key (event_id, endpoint) references webhook_deliveries on delete cascade
);

-- For lists by time, whatever they are narrowed to, for what is resent, and for what is pruned.
create index webhook_deliveries_by_time on webhook_deliveries (endpoint, state, created_at, position);
create index webhook_events_by_batch on webhook_events (batch, sequence);
create index webhook_events_by_age on webhook_events (received_at);

-- Events that are sent again from the logs of batches, as the webhooks role works them off. A time is of the events; the place is
-- the next batch, and how far it has come in it.
create table webhook_replays (
  id text primary key,
  endpoint text not null references webhook_endpoints on delete cascade,
  partner text not null,
  batch text,
  from_sequence bigint not null default 1,
  since timestamptz,
  until timestamptz,
  state text not null default 'running' check (state in ('running', 'done', 'stopped')),
  -- Why it stopped before its end.
  reason text,
  batches int not null default 0,
  events int not null default 0,
  -- The batch that it is at, or the last one that it ended, and the last sequence of it that was sent.
  place_received_at timestamptz,
  place_batch text,
  place_sequence bigint,
  claimed_until timestamptz not null default now(),
  created_at timestamptz not null default now(),
  ended_at timestamptz
);

create unique index webhook_replays_running on webhook_replays (endpoint) where state = 'running';
create index webhook_replays_of_endpoint on webhook_replays (endpoint, created_at, id);
