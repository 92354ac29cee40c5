-- Works from 0014 on.
-- What operations and finance ask of the read models, beside items as they are now.
-- Every attempt to pay an item: [{"attempt": 1, "bank": "north", …}]. Items that were shown before have it once they change again.
alter table payout_items add column attempts jsonb;

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

-- What people did to batches, as their logs have it.
create table payout_acts (
  batch text collate "C" not null,
  version int not null,
  partner text not null,
  at timestamptz not null,
  act text not null,
  -- The credential of who acted, and the name that the log has.
  credential text,
  name text not null,
  item int,
  reason text,
  primary key (batch, version)
);
