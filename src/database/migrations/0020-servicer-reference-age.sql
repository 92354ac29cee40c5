-- Works from 0015 on.
-- When a file of the bank named an order by both ids last: the bank's ids are forgotten some time after. Those from before this
-- column count from now.
alter table bank_servicer_references add column seen_at timestamptz not null default now();
create index bank_servicer_references_by_age on bank_servicer_references (bank, seen_at);
