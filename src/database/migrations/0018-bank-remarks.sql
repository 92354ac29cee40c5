-- Works from 0015 on.
-- Banks' own ids of our orders, as their reports named them beside ours.
create table bank_servicer_references (
  bank text collate "C" not null,
  servicer_reference text collate "C" not null,
  reference text collate "C" not null,
  primary key (bank, servicer_reference, reference)
);
create index bank_servicer_references_by_order on bank_servicer_references (bank, reference);

-- What banks said of our orders beside their state: reasons, charges, rates.
create table bank_remarks (
  bank text collate "C" not null,
  digest text not null,
  reference text collate "C" not null,
  kind text not null check (kind in ('reason', 'charge', 'rate')),
  remark text not null,
  seen_at timestamptz not null default now(),
  primary key (bank, digest, reference, kind, remark)
);
create index bank_remarks_by_reference on bank_remarks (bank, reference);

-- Where in the file it is, and why it has no effect.
alter table bank_oddities add column detail text;
