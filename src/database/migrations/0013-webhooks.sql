-- Where partners want to be told, what there is to tell, and how telling it went.

create table webhook_endpoints (
  id text primary key,
  partner text not null,
  url text not null,
  secret text not null,
  -- null: all
  event_types text[],
  enabled boolean not null default true,
  created_at timestamptz not null default now()
);

create index webhook_endpoints_by_partner on webhook_endpoints (partner, created_at);

-- An event that at least one endpoint is told, word for word as it was published.
create table webhook_events (
  id text primary key,
  partner text not null,
  batch text not null,
  sequence bigint not null,
  type text not null,
  body text not null,
  received_at timestamptz not null default now()
);

create table webhook_deliveries (
  event_id text not null references webhook_events on delete cascade,
  endpoint text not null references webhook_endpoints on delete cascade,
  -- The order in which events came.
  position bigint generated always as identity,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
  attempts integer not null default 0,
  -- While an attempt is under way: when it counts as lost.
  next_attempt_at timestamptz not null default now(),
  last_attempt_at timestamptz,
  last_status integer,
  last_error text,
  primary key (event_id, endpoint)
);

create index webhook_deliveries_due on webhook_deliveries (endpoint, next_attempt_at, position)
  where state = 'pending';
