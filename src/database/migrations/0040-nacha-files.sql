-- Works from 0014 on.
-- Orders by their individual identification numbers (src/providers/nacha/individual-id.ts): returns name an order by nothing else.
create index file_orders_by_individual_id on file_orders (bank, (
  upper(translate(substr(encode(sha256(decode(reference, 'escape')), 'base64'), 1, 15), '+/', '01') collate "C")
)) where scheme = 'ach';

-- A bank of Nacha tells the files of a day by the day on which each was made and its number, whatever day it is to be executed.
alter table bank_files add column created_on text;
create unique index bank_files_by_creation on bank_files (bank, created_on, sequence);

-- When a bank was first known to have an order: until then nothing can come back of it.
alter table file_order_words add column seen_at timestamptz not null default now();

-- Before an order is settled of which nothing came back, it is looked whether anything was odd about it.
create index bank_oddities_by_reference on bank_oddities (bank, reference);
