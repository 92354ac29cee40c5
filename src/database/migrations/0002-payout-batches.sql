-- The read models: each row is what the fold of a batch's log says at `version`. They can be dropped and rebuilt.
-- Amounts are in the currency's minor unit. No account number is ever stored here, only its masked form.
-- The fill factor leaves room for updates in place: a row changes several times while its batch settles.
create table payout_batches (
  id text primary key,
  partner text not null,
  reference text,
  idempotency_key text not null,
  state text not null,
  item_count integer not null,
  version integer not null,
  received_at timestamptz not null,
  updated_at timestamptz not null,
  closed_at timestamptz,
  -- {"EUR": {"settled": {"count": 2, "minor": "12345"}}}: text, because JSON readers round long numbers.
  totals jsonb not null
) with (fillfactor = 80);

create index payout_batches_newest on payout_batches (partner, received_at desc, id desc);
create index payout_batches_newest_in_state on payout_batches (partner, state, received_at desc, id desc);

create table payout_items (
  batch text not null,
  item integer not null,
  reference text not null,
  beneficiary_name text not null,
  account_masked text not null,
  currency text not null,
  minor numeric(38, 0) not null,
  state text not null,
  ledger text not null,
  bank text,
  transfer_reference text,
  attempt integer,
  reason text,
  -- The version of the batch that last changed the item.
  version integer not null,
  updated_at timestamptz not null,
  primary key (batch, item)
) with (fillfactor = 80);
