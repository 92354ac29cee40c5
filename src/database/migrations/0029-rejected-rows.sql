-- Works from 0015 on.
-- How many rows of a file were left out when the others were accepted as a batch; null for a batch of which none could be.
alter table payout_batches add column rejected_rows integer;
