-- Works from 0014 on.
-- What a partner may set on an endpoint, and whether it is notified at all.
alter table webhook_endpoints
  add column description text,
  -- The most attempts that begin in a second; null: no limit of its own.
  add column rate_limit int check (rate_limit > 0),
  -- The events of a batch are delivered strictly in order.
  add column ordered boolean not null default false,
  -- `active`: notified. `paused`: deliveries are stored and wait. `disabled`: nothing is stored. Earlier releases read only
  -- `enabled`, which is false for disabled endpoints alone.
  add column state text not null default 'active' check (state in ('active', 'paused', 'disabled')),
  add column state_reason text,
  add column state_since timestamptz not null default now(),
  -- Since the first failure after the last delivery that arrived; null: the last one arrived, or there was none.
  add column failing_since timestamptz,
  -- When the partner was notified of that; null: it was not yet.
  add column failing_notified_at timestamptz,
  -- The last time in which nothing was stored, because the endpoint was disabled.
  add column missed_from timestamptz,
  add column missed_until timestamptz,
  add column tested_at timestamptz,
  -- Grows with each change of the endpoint's settings or state.
  add column version int not null default 1;

update webhook_endpoints set state = case when enabled then 'active' else 'disabled' end, state_since = created_at;

create index webhook_endpoints_failing on webhook_endpoints (failing_since) where failing_since is not null;
create index webhook_endpoints_disabled on webhook_endpoints (id) where state = 'disabled';

-- Events about endpoints that are still to be published on NATS. They are stored with the change that they report.
create table webhook_outbox (
  position bigint generated always as identity primary key,
  event_id text not null unique,
  body text not null
);

-- Test events for endpoints that get no other deliveries now: each is attempted once.
create table webhook_tests (
  event_id text not null,
  endpoint text not null,
  primary key (event_id, endpoint),
  foreign key (event_id, endpoint) references webhook_deliveries on delete cascade
);
