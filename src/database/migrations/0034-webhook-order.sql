-- Works from 0014 on.
-- For endpoints that get the events of a batch in order. Others leave the two columns null, and cost nothing here.
alter table webhook_deliveries
  add column batch text,
  add column sequence bigint;

-- The first pending delivery of each batch.
create index webhook_deliveries_in_order on webhook_deliveries (endpoint, batch, sequence)
  where state = 'pending' and batch is not null;

create index webhook_endpoints_in_order on webhook_endpoints (partner) where ordered;

-- Which events of a batch have come, for partners with an ordered endpoint. Sequences have no gaps, so as long as one is missing
-- here, an earlier event may still come.
create table webhook_batches (
  batch text primary key,
  seen int8multirange not null,
  seen_at timestamptz not null default now()
);

create index webhook_batches_with_gaps on webhook_batches (batch)
  where seen <> int8multirange(int8range(1::bigint, upper(seen)));

alter table webhook_endpoints
  -- No attempt begins before: the endpoint asked for it (`Retry-After`).
  add column held_until timestamptz,
  -- Until when the attempts that have begun use up the limit of its rate.
  add column rate_used_until timestamptz;

-- A new address did not ask for anything, and who resumes an endpoint wants it to be called.
create function webhook_endpoint_is_held_no_more() returns trigger language plpgsql as $$
begin
  if new.url is distinct from old.url or (new.state = 'active' and old.state <> 'active') then
    new.held_until := null;
  end if;
  return new;
end
$$;

create trigger webhook_endpoint_is_held_no_more before update of url, state on webhook_endpoints
  for each row execute function webhook_endpoint_is_held_no_more();
