-- Works from 0015 on.
-- Several states of an item follow each other within seconds, and those of a batch's items together. With half of each page left
-- free, nearly all of these updates stay on their page and touch no index. Applies to pages that are written from now on.
alter table payout_items set (fillfactor = 50);
