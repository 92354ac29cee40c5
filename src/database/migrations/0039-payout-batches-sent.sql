-- Works from 0014 on.
-- Payout batches that a provider has, by our id of the file of orders that each was made of, and when it is asked about them.
create table payout_batches_sent (
  bank text collate "C" not null,
  message_id text collate "C" not null,
  -- The provider's own id of the payout batch.
  payout_batch_id text not null,
  sent_at timestamptz not null,
  poll_at timestamptz not null,
  -- When nothing about it can change any more.
  closed_at timestamptz,
  primary key (bank, message_id)
);

create index payout_batches_open on payout_batches_sent (bank, poll_at) where closed_at is null;
