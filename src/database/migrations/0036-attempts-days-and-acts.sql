-- Works from 0014 on.
-- What operations and finance ask of the read models, beside items as they are now. Rows that were stored before have it once they
-- change again, or are rebuilt.

-- Of an item's last attempt: its phase or outcome, the bank's code and what it means, and when it began and ended. They are columns,
-- because nearly all items have one attempt. Those before it are JSON: [{"attempt": 1, "bank": "north", …}].
alter table payout_items
  add column attempt_state text,
  add column attempt_code text,
  add column attempt_category text,
  add column requested_at timestamptz,
  add column concluded_at timestamptz,
  add column earlier_attempts jsonb;

-- What came of a batch on each day (UTC): items that reached a state, by the bank that paid them and why they failed. One row has
-- all of a batch's items that reached the same state on the same day. Daily totals are sums over a day's rows.
create table payout_batch_days (
  batch text collate "C" not null,
  day date not null,
  currency text not null,
  bank text not null default '',
  state text not null,
  code text not null default '',
  partner text not null,
  count int not null,
  minor numeric(38, 0) not null,
  -- The version of the batch that last changed the row.
  version int not null,
  primary key (batch, day, currency, bank, state, code)
) with (fillfactor = 80);

-- Their columns never change, so that a changed count touches no index.
create index payout_batch_days_by_day on payout_batch_days (day, bank);
create index payout_batch_days_of_a_partner on payout_batch_days (partner, day);

-- What people did to batches, as their logs have it.
create table payout_acts (
  batch text collate "C" not null,
  version int not null,
  partner text not null,
  at timestamptz not null,
  act text not null,
  -- What came of it, such as 'released' or 'refused'.
  outcome text not null,
  -- The credential of who acted; logs of old releases have only the name.
  credential text,
  name text not null,
  -- The item, if it was about one, or how many items it was about.
  item int,
  items int,
  reason text,
  -- The command, which the audit trail names as well.
  command text,
  primary key (batch, version)
);
create index payout_acts_by_time on payout_acts (at, batch, version);
create index payout_acts_of_somebody on payout_acts (credential, at, batch, version);
create index payout_acts_by_command on payout_acts (command) where command is not null;

create index audit_trail_by_time on audit_trail (at, sequence);
create index audit_trail_of_somebody on audit_trail (who, at, sequence);
