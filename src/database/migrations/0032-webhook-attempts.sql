-- Works from 0014 on.
-- What is known of attempts that ended: of the last one in the delivery's own row, of earlier ones here.
alter table webhook_deliveries
  add column created_at timestamptz not null default now(),
  add column last_duration_ms int,
  -- The first KiB of the answer, cleaned.
  add column last_answer text;

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
