-- Works from 0015 on.
-- The time before which nothing of a batch is paid. Batches that were shown before this column was there have it once they
-- change again.
alter table payout_batches add column execute_at timestamptz;
