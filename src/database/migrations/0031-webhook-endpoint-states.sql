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
  -- Grows with each change that a partner makes.
  add column version int not null default 1;

update webhook_endpoints set state = 'disabled' where not enabled;
