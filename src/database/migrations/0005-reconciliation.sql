-- What `atlaspay reconcile` compared and found, by day. A later run of the same day takes the place of an earlier one.
create table reconciliation_runs (
  day date primary key,
  finished_at timestamptz not null,
  batches integer not null,
  statement_entries integer not null,
  ledger_lines integer not null,
  discrepancies integer not null
);

create table reconciliation_discrepancies (
  day date not null,
  -- Derived from the day and the difference: the id of the event that tells of it, too.
  id text not null,
  kind text not null,
  partner text,
  batch text,
  item integer,
  bank text,
  reference text,
  -- The log's word and the other's, as text for people.
  expected text not null,
  found text not null,
  primary key (day, id)
);

-- To find the batches that were alive on a day. A summary of blocks, so that updates of a row stay in place.
create index payout_batches_by_change on payout_batches using brin (updated_at);
