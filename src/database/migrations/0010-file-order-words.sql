-- What a bank has said of orders, each thing once: what is known of one follows from all of it, in whatever order it came.
create table file_order_words (
  bank text collate "C" not null,
  reference text collate "C" not null,
  -- accepted, settled, returned CODE, failed CODE, or refused CODE of the whole file that it is in; and, of ours, asked:
  -- it was to be taken back, and was in a file by then.
  word text not null,
  -- Whether its batch was told, where that is needed.
  told boolean not null default false,
  primary key (bank, reference, word)
);

-- From here on an order's own state is what became of it here: refused by ourselves, withdrawn before it was in a file.
-- The others are from before there were words, and are read as words.
alter table file_orders drop constraint file_orders_state_check;
alter table file_orders add constraint file_orders_state_check
  check (state in ('accepted', 'failed', 'settled', 'returned', 'withdrawn'));
