-- Works from 0015 on.
-- What reading shows of a batch's approval, and of the days on which its payouts should arrive; and the bank's own id of an item's
-- last transfer. Rows that were stored before these columns were there have them once they change again.
alter table payout_batches add column approval jsonb, add column expected_arrivals jsonb;
alter table payout_items add column transfer_id text;

-- Finds an item by its reference over all batches. A filter for each sixteen pages: a hundredth of the size of a B-tree, and no
-- entry to write for each item. References never change, so updates stay on their page.
create index payout_items_by_reference on payout_items
  using brin (reference text_bloom_ops (n_distinct_per_range = 400))
  with (pages_per_range = 16, autosummarize = on);
