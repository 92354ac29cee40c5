-- How many have kept a decision and may have told it, and since when it is due to be told again.
alter table decision_register
  add column tellers int not null default 1,
  add column due_at timestamptz not null default now();

create index decision_register_due on decision_register (due_at) where answered_at is null;
