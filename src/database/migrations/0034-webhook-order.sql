-- Works from 0014 on.
-- For endpoints that get the events of a batch in order.
alter table webhook_deliveries
  add column batch text,
  add column sequence bigint;
